// SPDX-License-Identifier: Apache-2.0
// YAML, as far as front matter needs it, by libyaml.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace minnow {

// The text of a member of the mapping that `yaml` is, however it is written: plain, quoted, folded
// or literal. nullopt where it is no YAML, no mapping, or has no such member with a text; nor where
// it is longer than 16 KiB or has more than 200 brackets. Pure.
std::optional<std::string> FindYamlText(std::string_view yaml, std::string_view member);

}  // namespace minnow
