// SPDX-License-Identifier: Apache-2.0
// A JSON object with some of its fields, each byte for byte as it was.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace minnow {

// `object`: valid JSON, an object (a store holds nothing else). The answer has the members that
// `attributes` name, in the object's order; "a.b" names member b of object a. Names that are not
// there are passed over. Linear; total: text that is not JSON gives some text.
std::string CutJson(std::string_view object, std::span<const std::string> attributes);

}  // namespace minnow
