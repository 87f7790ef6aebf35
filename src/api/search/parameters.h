// SPDX-License-Identifier: Apache-2.0
// A URL's query as the JSON that a POST would have sent, so that both are read and checked by the
// same code.
//
// Pure functions, callable from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "http/message.h"

namespace minnow::api {

// Names and values in their order, decoded as forms encode them ('+' is a space). kInvalidArgument:
// bad percent-encoding.
Result<std::vector<http::Header>> ReadParameters(std::string_view query);

// "q=a+b&limit=5&exact=true&facets=x,y" -> {"q":"a b","limit":5,"exact":true,"facets":["x","y"]}.
// Values that look like numbers, true or false become such, but for those of text fields ("q",
// "filter", "id", "group_by"); "attributes" and "facets" are lists; "rerank.model" and
// "rerank.top_n" are members of an object "rerank". A name given twice is kInvalidArgument. Fails
// as ReadParameters does.
Result<JsonDocument> ParametersAsJson(std::string_view query);

// kInvalidArgument where there is any parameter: for requests that take none, or have all in their
// bodies. What a client believes to have said would else be passed over.
Status CheckNoParameters(std::string_view query);

}  // namespace minnow::api
