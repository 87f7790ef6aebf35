// SPDX-License-Identifier: Apache-2.0
// Access: who may ask, before any handler is called: API keys, and pages of other origins (CORS).
//
// Built before the server starts, read-only afterwards.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "http/origin.h"
#include "http/router.h"

namespace minnow::http {

struct AccessOptions {
  // None: no key is asked for. White space around a key is no part of it: a key out of a file has a
  // line's end, which no header can carry.
  std::vector<std::string> api_keys = {};
  std::vector<std::string> cors_origins = {};  // as OriginPattern::Parse takes them
};

inline constexpr std::string_view kKeyNeeded = "an API key is needed: Authorization: Bearer KEY";

class Access {
 public:
  Access() = default;
  // Fails where a key is blank or an origin is none; the message names it.
  static Result<Access> Make(const AccessOptions& options, RefusalWriter refuse = PlainRefusal);

  // The answer that the request gets instead of its handler's: to a preflight, to a wrong key, to a
  // page of an origin that is not allowed and would change something; nullopt: it may pass.
  std::optional<Response> Check(const Request& request, const Router::Match& match) const;

  // Whether the request has a valid key, or none is asked for.
  bool Authorized(const Request& request) const { return api_keys_.empty() || HasKey(request); }

  // What Access-Control-Allow-Origin says to this request; empty: nothing.
  std::string AllowedOrigin(const Request& request) const;
  // Adds the headers that let the page of that origin read the answer.
  void AddHeaders(const std::string& allowed_origin, Response& response) const;

 private:
  bool HasKey(const Request& request) const;

  std::vector<std::string> api_keys_;
  std::vector<OriginPattern> origins_;
  RefusalWriter refuse_ = PlainRefusal;
};

// Takes the same time wherever the two differ; only the lengths may show.
bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace minnow::http
