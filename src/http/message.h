// SPDX-License-Identifier: Apache-2.0
// Request and Response: HTTP messages as handlers see them, free of any network library.
//
// Plain values: owned by whoever holds them, one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/client_watch.h"

namespace minnow::http {

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  std::string method;
  std::string path;                // as sent, still percent-encoded, without the query
  std::string query;               // as sent, without '?'
  std::vector<Header> parameters;  // of the route's pattern, percent-decoded
  std::vector<Header> headers;
  std::string body;
  bool authorized = true;  // false: on an open route, without the key that others ask for
  std::shared_ptr<void> body_permit;  // of a large body, while it is held
  std::shared_ptr<ClientWatch> client;
  std::chrono::steady_clock::time_point received;  // when the header was complete

  // The first header of that name in any case; "" when absent.
  std::string_view FindHeader(std::string_view name) const;
  // The value of a path parameter; "" when the route has none of that name.
  std::string_view Parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";  // no header when empty
  // Content-Length, Content-Type, Connection and Date are the server's.
  std::vector<Header> headers;
  std::string body;
  bool codable = true;  // false: never compressed, as it would cost more than it saves
};

// "Not Found" for 404; "Status" for a code that has no name.
std::string_view ReasonPhrase(int status);

// A plain text answer: the reason phrase, then ": detail" where there is one.
Response PlainResponse(int status, std::string_view detail = {});

// Writes the answers that no handler gives, in the shape that the API has at that path. `path` is
// empty where a request broke off before it; `detail` may be empty. 429 and 503 get Retry-After.
using RefusalWriter = Response (*)(std::string_view path, int status, std::string_view detail);
Response PlainRefusal(std::string_view path, int status, std::string_view detail);

// How the client knows where a body ends.
enum class BodyEnd { kLength, kChunks, kClose };

// The status line and the header block, up to and with the empty line. Bytes that could end a
// header line early (CR, LF, NUL) become spaces.
std::string FormatHead(const Response& response, bool keep_alive, std::string_view date,
                       BodyEnd body_end = BodyEnd::kLength);

}  // namespace minnow::http
