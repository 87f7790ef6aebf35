// SPDX-License-Identifier: Apache-2.0
// AnsweredRequest: what a log says of a request.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace minnow::http {

// One answered request, for a log.
struct AnsweredRequest {
  std::string method;
  std::string path;   // as sent, without the query
  std::string trace;  // W3C traceparent, where the client sent a valid one
  int status = 0;
  // Of the answer, as sent; where it came in pieces, of those that were sent, without their
  // framing.
  size_t body_bytes = 0;
  std::chrono::nanoseconds took{0};  // from the complete header to the last byte handed over
};

}  // namespace minnow::http
