// SPDX-License-Identifier: Apache-2.0
// Access: who may ask, before any handler is called: API keys, and pages of other origins (CORS).
//
// Built before the server starts, read-only afterwards.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/router.h"

namespace minnow::http {

struct AccessOptions {
  std::vector<std::string> api_keys = {};      // none: no key is asked for
  std::vector<std::string> cors_origins = {};  // "https://host[:port]", or "*" for every origin
  // The answer without a valid key, for a path; PlainResponse(401) when null. Sets no headers of
  // its own.
  Response (*unauthorized)(std::string_view path) = nullptr;
};

class Access {
 public:
  explicit Access(AccessOptions options) : options_(std::move(options)) {}

  // The answer that the request gets instead of its handler's: to a preflight, to a wrong key, to a
  // page of an origin that is not allowed and would change something; nullopt: it may pass.
  std::optional<Response> Check(const Request& request, const Router::Match& match) const;

  // Whether the request has a valid key, or none is asked for.
  bool Authorized(const Request& request) const {
    return options_.api_keys.empty() || HasKey(request);
  }

  // What Access-Control-Allow-Origin says to this request; empty: nothing.
  std::string AllowedOrigin(const Request& request) const;
  // Adds the headers that let the page of that origin read the answer.
  void AddHeaders(const std::string& allowed_origin, Response& response) const;

 private:
  bool HasKey(const Request& request) const;

  AccessOptions options_;
};

// Takes the same time wherever the two differ; only the lengths may show.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace minnow::http
