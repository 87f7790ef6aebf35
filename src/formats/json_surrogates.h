// SPDX-License-Identifier: Apache-2.0
// Lone surrogates in JSON: "\ud83d" without its other half, as programs write that cut a text in
// the middle of an emoji. Most parsers read U+FFFD there. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace minnow {

struct SurrogateRepair {
  std::string text;             // as long as the original: each half is "\ufffd" now
  std::vector<size_t> strings;  // which strings had one: 0 is the first of the text, names included
};

// `strings` is empty, and `text` too, where there is nothing to repair. What is not JSON stays so.
SurrogateRepair RepairSurrogates(std::string_view json);

}  // namespace minnow
