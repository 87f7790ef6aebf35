// SPDX-License-Identifier: Apache-2.0
// Origins are split, brought to one form, and compared part by part.
#include "http/origin.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace minnow::http {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";

struct Parts {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;
};

bool ConsistsOf(std::string_view text, std::string_view set, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return set.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos ||
           also.find(c) != std::string_view::npos;
  });
}

// REQUIRES: `origin` is in lower case.
std::optional<Parts> Split(std::string_view origin) {
  const size_t colon = origin.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Parts parts{origin.substr(0, colon), origin.substr(colon + 3), {}};
  // The colons within brackets are an IPv6 address's.
  const size_t bracket = parts.host.rfind(']');
  const size_t port = parts.host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port != std::string_view::npos) {
    parts.port = parts.host.substr(port + 1);
    parts.host = parts.host.substr(0, port);
    if (parts.port.empty()) return std::nullopt;
  }
  const bool own = (parts.scheme == "http" && parts.port == "80") ||
                   (parts.scheme == "https" && parts.port == "443");
  if (own) parts.port = {};
  return parts;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

bool IsPort(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535 &&
         text[0] != '0';
}

// What is wrong with a pattern; null: nothing.
const char* Fault(const Parts& parts) {
  if (parts.scheme.empty() || kLetters.find(parts.scheme[0]) == std::string_view::npos ||
      !ConsistsOf(parts.scheme, kLetters, "+-.")) {
    return "the scheme is letters, digits, + - and .";
  }
  if (parts.host.empty()) return "the host is missing";
  if (parts.host.find_first_of("/?#@") != std::string_view::npos) {
    return "an origin is scheme://host[:port] without user, path or query";
  }
  const bool below = parts.host.starts_with("*.");
  const std::string_view name = parts.host == "*" ? "" : parts.host.substr(below ? 2 : 0);
  if (name.find('*') != std::string_view::npos || (below && name.empty())) {
    return "a * stands for the whole host, for what is before .example.com, or for the port";
  }
  if (!ConsistsOf(name, kLetters, name.starts_with('[') ? "[]:." : "-._")) {
    return "the host is ASCII letters, digits, - . and _ (xn--... for other letters)";
  }
  if (!parts.port.empty() && parts.port != "*" && !IsPort(parts.port)) {
    return "the port is 1 to 65535 or *";
  }
  return nullptr;
}

}  // namespace

Result<OriginPattern> OriginPattern::Parse(std::string_view text) {
  OriginPattern pattern;
  std::string lower = Lower(text);
  if (lower == "*" || lower == "null") {
    pattern.scheme_ = std::move(lower);
    return pattern;
  }
  if (lower.ends_with('/') && !lower.ends_with("://")) lower.pop_back();
  const auto parts = Split(lower);
  const char* fault =
      parts.has_value() ? Fault(*parts) : "expected scheme://host[:port], as https://example.com";
  if (fault != nullptr) return Error{Code::kInvalidArgument, std::string(fault)};
  pattern.scheme_ = parts->scheme;
  pattern.host_ = parts->host;
  pattern.port_ = lower.ends_with("://*") ? "*" : parts->port;
  return pattern;
}

bool OriginPattern::Matches(std::string_view origin) const {
  if (everything()) return true;
  const std::string lower = Lower(origin);
  const auto parts = Split(lower);
  if (!parts.has_value()) return host_.empty() && lower == scheme_;  // "null"
  if (parts->scheme != scheme_ || (port_ != "*" && parts->port != port_)) return false;
  if (host_ == "*") return true;
  if (!host_.starts_with("*.")) return parts->host == host_;
  const std::string_view below = std::string_view(host_).substr(1);
  return parts->host.size() > below.size() && parts->host.ends_with(below);
}

}  // namespace minnow::http
