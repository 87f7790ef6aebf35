// SPDX-License-Identifier: Apache-2.0
// Accept fields: lists of what a client takes, with weights (RFC 9110, 12.4 and 12.5).
//
// Pure functions, callable from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "http/message.h"

namespace minnow::http {

inline constexpr int kWeightOne = 1000;  // weights have three decimals

struct AcceptItem {
  std::string_view value;  // "gzip", "text/*", "*"
  int weight = kWeightOne;
};

// The elements of all fields of that name, in their order; those with a malformed weight are left
// out. The views point into `headers`.
std::vector<AcceptItem> ReadAccept(const std::vector<Header>& headers, std::string_view name);

// The weight that an Accept field gives to a media type: that of the range that fits it best; 0:
// none does.
int MediaWeight(const std::vector<AcceptItem>& accept, std::string_view type,
                std::string_view subtype);

}  // namespace minnow::http
