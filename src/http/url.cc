// SPDX-License-Identifier: Apache-2.0
// Request targets and percent-decoding.
#include "http/url.h"

#include <algorithm>
#include <utility>

namespace minnow::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// exact: set to false where a '%' begins no escape; it stays then.
std::string Decode(std::string_view text, bool& exact) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
      exact = false;
    }
    out += text[i];
  }
  return out;
}

// The rest of an absolute target after scheme and host; nullopt when it has neither.
std::optional<std::string_view> SkipAuthority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!EqualsIgnoringCase(target.substr(0, scheme.size()), scheme)) continue;
    const size_t end = target.find_first_of("/?", scheme.size());
    if (end == std::string_view::npos) return "/";
    return target.substr(end);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Target> SplitTarget(std::string_view target) {
  if (target == "*") return Target{target, {}};
  if (!target.starts_with('/')) {
    const auto rest = SkipAuthority(target);
    if (!rest.has_value()) return std::nullopt;
    target = *rest;
  }
  if (const size_t fragment = target.find('#'); fragment != std::string_view::npos) {
    target = target.substr(0, fragment);
  }
  const size_t mark = target.find('?');
  Target result{target.substr(0, mark), {}};
  if (mark != std::string_view::npos) result.query = target.substr(mark + 1);
  if (result.path.empty()) result.path = "/";
  return result;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  bool exact = true;
  std::string decoded = Decode(text, exact);
  return exact ? std::optional(std::move(decoded)) : std::nullopt;
}

std::string PercentDecodeLeniently(std::string_view text) {
  bool exact = true;
  return Decode(text, exact);
}

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> segments;
  size_t begin = 1;  // after the first slash
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    segments.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

std::string NormalPath(std::string_view path) {
  std::string normal;
  for (const std::string_view segment : SplitPath(path)) {
    if (segment.empty()) continue;
    normal += '/';
    normal += segment;
  }
  return normal.empty() ? "/" : normal;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (LowerAscii(a[i]) != LowerAscii(b[i])) return false;
  }
  return true;
}

}  // namespace minnow::http
