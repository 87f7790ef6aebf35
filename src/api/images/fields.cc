// SPDX-License-Identifier: Apache-2.0
#include "api/images/fields.h"

#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace minnow::api {
namespace {

Error Expected(std::string_view name, const std::string& what, std::string_view got) {
  return {Code::kInvalidArgument,
          std::string(name) + ": expected " + what + ", got " + QuoteForMessage(got)};
}

std::string IntegerIn(int64_t least, int64_t most) {
  return "an integer in [" + std::to_string(least) + ", " + std::to_string(most) + "]";
}

std::optional<uint64_t> ParseSeed(std::string_view text) {
  uint64_t seed = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, seed);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return seed;
}

constexpr const char* kSeeds = "an integer in [-1, 18446744073709551615]";

}  // namespace

std::optional<JsonView> JsonImageFields::Find(std::string_view name) const {
  auto value = object_.Find(name);
  if (value && value->is_null()) value = std::nullopt;
  return value;
}

Result<std::optional<std::string>> JsonImageFields::Text(std::string_view name) const {
  const auto value = Find(name);
  if (!value) return std::optional<std::string>();
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, value->String());
  return std::optional<std::string>(text);
}

Result<std::optional<double>> JsonImageFields::Number(std::string_view name) const {
  const auto value = Find(name);
  if (!value) return std::optional<double>();
  MINNOW_ASSIGN_OR_RETURN(const double number, value->Number());
  return std::optional<double>(number);
}

Result<std::optional<int64_t>> JsonImageFields::Integer(std::string_view name, int64_t least,
                                                        int64_t most) const {
  const auto value = Find(name);
  if (!value) return std::optional<int64_t>();
  MINNOW_ASSIGN_OR_RETURN(const int64_t number, value->Int(least, most));
  return std::optional<int64_t>(number);
}

Result<std::optional<bool>> JsonImageFields::Flag(std::string_view name) const {
  const auto value = Find(name);
  if (!value) return std::optional<bool>();
  MINNOW_ASSIGN_OR_RETURN(const bool flag, value->Bool());
  return std::optional<bool>(flag);
}

Result<std::optional<uint64_t>> JsonImageFields::Seed() const {
  const auto value = Find("seed");
  if (!value || value->Int(-1, -1).ok()) return std::optional<uint64_t>();
  if (const auto seed = value->Int(0, INT64_MAX); seed.ok())  // 7.0, too
    return std::optional<uint64_t>(*seed);
  auto seed = ParseSeed(value->Describe());
  if (!seed) return value->Expected(kSeeds);
  return seed;
}

std::optional<std::string_view> FormImageFields::Find(std::string_view name) const {
  for (const http::FormPart& part : parts_) {
    if (part.name == name) return part.contents;
  }
  return std::nullopt;
}

Result<std::optional<std::string>> FormImageFields::Text(std::string_view name) const {
  const auto value = Find(name);
  if (!value) return std::optional<std::string>();
  if (!IsValidUtf8(*value)) return Error{Code::kInvalidArgument, std::string(name) + ": not UTF-8"};
  return std::optional<std::string>(*value);
}

Result<std::optional<double>> FormImageFields::Number(std::string_view name) const {
  const auto value = Find(name);
  if (!value || value->empty()) return std::optional<double>();
  double number = 0;
  const auto read = std::from_chars(value->data(), value->data() + value->size(), number);
  if (read.ec != std::errc() || read.ptr != value->data() + value->size() || !std::isfinite(number))
    return Expected(name, "a number", *value);
  return std::optional<double>(number);
}

Result<std::optional<int64_t>> FormImageFields::Integer(std::string_view name, int64_t least,
                                                        int64_t most) const {
  const auto value = Find(name);
  if (!value || value->empty()) return std::optional<int64_t>();
  int64_t number = 0;
  const auto read = std::from_chars(value->data(), value->data() + value->size(), number);
  if (read.ec != std::errc() || read.ptr != value->data() + value->size() || number < least ||
      number > most)
    return Expected(name, IntegerIn(least, most), *value);
  return std::optional<int64_t>(number);
}

Result<std::optional<uint64_t>> FormImageFields::Seed() const {
  const auto value = Find("seed");
  if (!value || value->empty() || *value == "-1") return std::optional<uint64_t>();
  auto seed = ParseSeed(*value);
  if (!seed) return Expected("seed", kSeeds, *value);
  return seed;
}

Result<std::optional<bool>> FormImageFields::Flag(std::string_view name) const {
  const auto value = Find(name);
  if (!value || value->empty()) return std::optional<bool>();
  for (const auto& [text, flag] : {std::pair("true", true),
                                   {"True", true},
                                   {"1", true},
                                   {"false", false},
                                   {"False", false},
                                   {"0", false}}) {
    if (*value == text) return std::optional<bool>(flag);
  }
  return Expected(name, "true or false", *value);
}

}  // namespace minnow::api
