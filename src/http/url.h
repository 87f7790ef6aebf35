// SPDX-License-Identifier: Apache-2.0
// The request target: its path and query, and percent-encoding (RFC 3986).
//
// Pure functions, callable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minnow::http {

struct Target {
  std::string_view path;   // begins with '/', or is "*"
  std::string_view query;  // without '?'
};

// Takes "/path?query", "http://host/path?query" (as sent to proxies) and "*". nullopt for anything
// else. The views point into `target`.
std::optional<Target> SplitTarget(std::string_view target);

// "%2F" -> "/"; '+' stays '+'. nullopt when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(std::string_view text);
// The same, but such a '%' stays as it is: "100%" -> "100%".
std::string PercentDecodeLeniently(std::string_view text);

// The segments between the slashes of a path that begins with '/', still encoded: "/a/b" -> {"a",
// "b"}, "/" -> {""}.
std::vector<std::string_view> SplitPath(std::string_view path);

// The path with one slash between segments and none at its end: "//v1/models/" -> "/v1/models".
std::string NormalPath(std::string_view path);

// ASCII letters only, as in header names.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace minnow::http
