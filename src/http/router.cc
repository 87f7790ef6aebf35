// SPDX-License-Identifier: Apache-2.0
// Router: literal paths in a map, patterns by their segments.
#include "http/router.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "http/url.h"

namespace minnow::http {
namespace {

bool IsParameter(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

bool TakesRest(std::string_view segment) { return IsParameter(segment) && segment.ends_with("*}"); }

// The parameters, still encoded, when the segments fit the pattern.
std::optional<std::vector<Header>> MatchSegments(const std::vector<std::string>& pattern,
                                                 const std::vector<std::string_view>& segments) {
  const bool rest = TakesRest(pattern.back());
  if (rest ? segments.size() < pattern.size() : segments.size() != pattern.size()) {
    return std::nullopt;
  }
  std::vector<Header> parameters;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (rest && i + 1 == pattern.size()) {
      const std::string_view last = segments.back();
      const std::string_view from(
          segments[i].data(), static_cast<size_t>(last.data() + last.size() - segments[i].data()));
      parameters.push_back({pattern[i].substr(1, pattern[i].size() - 3), std::string(from)});
    } else if (IsParameter(pattern[i])) {
      if (segments[i].empty()) return std::nullopt;
      parameters.push_back({pattern[i].substr(1, pattern[i].size() - 2), std::string(segments[i])});
    } else if (PercentDecode(segments[i]) != pattern[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

}  // namespace

void Router::Add(std::string method, std::string path, Handler handler, RouteOptions options) {
  CHECK(path.starts_with('/'));
  if (path.find('{') == std::string::npos) {
    CHECK(literals_[path].emplace(std::move(method), Route{std::move(handler), options}).second);
    return;
  }
  std::vector<std::string> segments;
  for (const std::string_view segment : SplitPath(path)) segments.emplace_back(segment);
  auto it = std::find_if(patterns_.begin(), patterns_.end(),
                         [&](const Pattern& p) { return p.segments == segments; });
  if (it == patterns_.end()) it = patterns_.insert(it, Pattern{std::move(segments), {}});
  CHECK(it->methods.emplace(std::move(method), Route{std::move(handler), options}).second);
}

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  Match match = FindAsWritten(method, path);
  if (!match.allow.empty() || match.malformed || !path.starts_with('/')) return match;
  const std::string normal = NormalPath(path);
  return normal == path ? match : FindAsWritten(method, normal);
}

Router::Match Router::FindAsWritten(std::string_view method, std::string_view path) const {
  Match match;
  if (const auto it = literals_.find(path); it != literals_.end()) {
    Resolve(it->second, method, match);
    AllowOptions(match);
    return match;
  }
  const bool decodes = PercentDecode(path).has_value();
  const std::vector<std::string_view> segments = SplitPath(path);
  for (const Pattern& pattern : patterns_) {
    auto parameters = MatchSegments(pattern.segments, segments);
    if (!parameters.has_value() || (!decodes && !TakesLonePercent(pattern.methods))) continue;
    // A later pattern may have the method: "/docs/delete" for POST, "/docs/{id}" for GET.
    Resolve(pattern.methods, method, match);
    if (match.handler == nullptr) continue;
    for (Header& parameter : *parameters) {
      parameter.value = PercentDecodeLeniently(parameter.value);
    }
    match.parameters = *std::move(parameters);
    break;
  }
  match.malformed = !decodes && match.allow.empty();
  AllowOptions(match);
  return match;
}

bool Router::TakesLonePercent(const Methods& methods) {
  return std::any_of(methods.begin(), methods.end(),
                     [](const auto& method) { return method.second.options.lone_percent; });
}

void Router::Resolve(const Methods& methods, std::string_view method, Match& match) {
  auto it = methods.find(method);
  if (it == methods.end() && method == "HEAD") it = methods.find("GET");
  if (it != methods.end()) {
    match.handler = &it->second.handler;
    match.options = it->second.options;
  }
  const auto allow = [&match](const std::string& name) {
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += name;
  };
  for (const auto& [name, route] : methods) {
    allow(name);
    if (name == "GET" && !methods.contains("HEAD")) allow("HEAD");
  }
}

std::string Router::Describe() const {
  std::string out;
  const auto add = [&out](const std::string& path, const Methods& methods) {
    std::string names;
    for (const auto& [name, route] : methods) {
      if (route.options.listed) names += (names.empty() ? "" : ", ") + name;
    }
    if (!names.empty()) out += (out.empty() ? "" : ", ") + path + " (" + names + ")";
  };
  for (const auto& [path, methods] : literals_) add(path, methods);
  for (const Pattern& pattern : patterns_) {
    std::string path;
    for (const std::string& segment : pattern.segments) path += "/" + segment;
    add(path, pattern.methods);
  }
  return out;
}

void Router::AllowOptions(Match& match) {
  if (!match.allow.empty()) match.allow += ", OPTIONS";
}

}  // namespace minnow::http
