// SPDX-License-Identifier: Apache-2.0
// API keys, cross-origin requests, preflights.
#include "http/access.h"

#include <algorithm>

#include "http/url.h"

namespace minnow::http {
namespace {

constexpr const char* kPreflightSeconds = "600";
constexpr size_t kShownOriginBytes = 200;
constexpr std::string_view kWhite = " \t\r\n";

// The token of "Bearer TOKEN"; empty when it is something else.
std::string_view BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!EqualsIgnoringCase(authorization.substr(0, kScheme.size()), kScheme)) return {};
  authorization.remove_prefix(kScheme.size());
  const size_t begin = authorization.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : authorization.substr(begin);
}

bool ChangesNothing(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

// Whether a browser sent this for a page of another origin. Programs that are no browsers send
// neither field.
bool IsCrossOrigin(const Request& request, std::string_view origin) {
  const std::string_view site = request.FindHeader("Sec-Fetch-Site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  if (origin.empty()) return false;
  const size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ||
         !EqualsIgnoringCase(origin.substr(scheme + 3), request.FindHeader("Host"));
}

}  // namespace

Result<Access> Access::Make(const AccessOptions& options, RefusalWriter refuse) {
  Access access;
  for (const std::string& key : options.api_keys) {
    const size_t begin = key.find_first_not_of(kWhite);
    if (begin == std::string::npos) return Error{Code::kInvalidArgument, "API key: it is blank"};
    access.api_keys_.push_back(key.substr(begin, key.find_last_not_of(kWhite) - begin + 1));
  }
  access.refuse_ = refuse;
  for (const std::string& text : options.cors_origins) {
    auto origin = OriginPattern::Parse(text);
    if (!origin.ok()) return Annotate(std::move(origin).error(), "origin \"" + text + "\"");
    access.origins_.push_back(std::move(origin).value());
  }
  return access;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  // The compiler must not know that only zero counts before the end.
  volatile unsigned result = difference;
  return result == 0;
}

bool Access::HasKey(const Request& request) const {
  const std::string_view bearer = BearerToken(request.FindHeader("Authorization"));
  const std::string_view given = bearer.empty() ? request.FindHeader("X-API-Key") : bearer;
  bool found = false;
  for (const std::string& key : api_keys_) found |= EqualInConstantTime(given, key);
  return found;
}

std::string Access::AllowedOrigin(const Request& request) const {
  const std::string_view origin = request.FindHeader("Origin");
  if (origin.empty()) return {};
  for (const OriginPattern& allowed : origins_) {
    if (allowed.everything()) return "*";
    if (allowed.Matches(origin)) return std::string(origin);
  }
  return {};
}

std::optional<Response> Access::Check(const Request& request, const Router::Match& match) const {
  const std::string_view origin = request.FindHeader("Origin");
  const std::string_view wanted = request.FindHeader("Access-Control-Request-Method");
  const std::string allowed = AllowedOrigin(request);
  if (request.method == "OPTIONS" && !origin.empty() && !wanted.empty() && !match.allow.empty() &&
      !allowed.empty()) {
    // A preflight carries no key. Every header that a page could want to send is harmless here.
    Response response = PlainResponse(204);
    const std::string_view headers = request.FindHeader("Access-Control-Request-Headers");
    response.headers = {{"Allow", match.allow},
                        {"Access-Control-Allow-Methods", match.allow},
                        {"Access-Control-Max-Age", kPreflightSeconds}};
    if (!headers.empty()) {
      response.headers.push_back({"Access-Control-Allow-Headers", std::string(headers)});
    }
    // From a public site to this machine or network: only for those that the operator named.
    if (allowed != "*" && !request.FindHeader("Access-Control-Request-Private-Network").empty()) {
      response.headers.push_back({"Access-Control-Allow-Private-Network", "true"});
    }
    return response;
  }
  if (!match.options.open && !Authorized(request)) {
    Response response = refuse_(request.path, 401, kKeyNeeded);
    response.headers.push_back({"WWW-Authenticate", "Bearer"});
    return response;
  }
  // A page from elsewhere could otherwise write here in the name of whoever looks at it.
  if (!ChangesNothing(request.method) && IsCrossOrigin(request, origin) && allowed.empty()) {
    const std::string name(origin.substr(0, kShownOriginBytes));
    return refuse_(request.path, 403,
                   "pages of another origin" + (name.empty() ? "" : ", " + name + ",") +
                       " may not ask here: --cors-allow-origin lets them");
  }
  return std::nullopt;
}

void Access::AddHeaders(const std::string& allowed_origin, Response& response) const {
  if (!origins_.empty() && allowed_origin != "*") {
    response.headers.push_back({"Vary", "Origin"});
  }
  if (allowed_origin.empty()) return;
  response.headers.push_back({"Access-Control-Allow-Origin", allowed_origin});
  std::string exposed;
  for (const Header& header : response.headers) {
    const bool own = header.name.size() > 2 && EqualsIgnoringCase(header.name.substr(0, 2), "x-");
    if (own) exposed += (exposed.empty() ? "" : ", ") + header.name;
  }
  if (!exposed.empty()) response.headers.push_back({"Access-Control-Expose-Headers", exposed});
}

}  // namespace minnow::http
