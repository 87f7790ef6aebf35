// SPDX-License-Identifier: Apache-2.0
// Fields of a config.json of diffusers whose values are checked, not used: what differs from the
// only value that is implemented is kUnsupported, and its field is named.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

// Each lets an absent field and null pass.
Status RequireAbsent(const JsonView& root, std::string_view field);
Status RequireBool(const JsonView& root, std::string_view field, bool value);
Status RequireNumber(const JsonView& root, std::string_view field, double value);
Status RequireOneOf(const JsonView& root, std::string_view field,
                    std::initializer_list<std::string_view> values);

// An array of integers in [min, max], with at least one and at most max_count.
Result<std::vector<size_t>> ReadSizes(const JsonView& root, std::string_view field, int64_t min,
                                      int64_t max, size_t max_count);
// The same of `count`, or one number for all of them; absent or null: `fallback`.
Result<std::vector<size_t>> ReadSizeOrSizes(const JsonView& root, std::string_view field,
                                            int64_t min, int64_t max, size_t count,
                                            size_t fallback);

// A config.json, which is an object and not large.
Result<JsonDocument> ParseModelConfig(const std::string& json, const std::string& name);
// That _class_name is `wanted` or absent.
Status RequireClass(const JsonView& root, std::string_view wanted);

}  // namespace minnow
