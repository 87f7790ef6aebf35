// SPDX-License-Identifier: Apache-2.0
// Files beside a file that are named after it.
#pragma once

#include <string>
#include <vector>

namespace minnow {

// What follows `path`'s own name in longer names in its folder: ".bak", "-wal". Empty where the
// folder cannot be read. Any thread.
std::vector<std::string> NamesBeside(const std::string& path);

}  // namespace minnow
