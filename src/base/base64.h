// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, with padding): how JSON holds bytes, both ways. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace minnow {

// Appends.
void AppendBase64(std::string_view bytes, std::string& out);
// nullopt: a character outside of the alphabet, a wrong length, or bits that belong to no byte.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace minnow
