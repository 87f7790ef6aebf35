// SPDX-License-Identifier: Apache-2.0
// A URL's query as the JSON that a POST would have sent, so that both are read and checked by the
// same code.
//
// Pure functions, callable from any thread.
#pragma once

#include <string_view>

#include "base/result.h"
#include "formats/json.h"

namespace minnow::api {

// "q=a+b&limit=5&exact=true&facets=x,y" -> {"q":"a b","limit":5,"exact":true,"facets":["x","y"]}.
// Values that look like numbers, true or false become such, but for those of text fields ("q",
// "filter", "id", "group_by"); "attributes" and "facets" are lists. Of a name given twice the last
// counts. kInvalidArgument: bad percent-encoding, or no UTF-8.
Result<JsonDocument> ParametersAsJson(std::string_view query);

}  // namespace minnow::api
