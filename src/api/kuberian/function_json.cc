// SPDX-License-Identifier: Apache-2.0
#include "api/kuberian/function_json.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

namespace minnow::api {
namespace {

// Below it Rust writes an exponent.
constexpr float kLeastPlain = 1e-6f;

void WriteText(std::string_view name, const JsonView& document, bool nullable, JsonWriter& json) {
  json.Key(name);
  const auto value = document.Find(name);
  if (value.has_value() && value->is_string()) {
    json.String(*value->String());
  } else if (nullable) {
    json.Null();
  } else {
    json.String("");
  }
}

void WriteLine(std::string_view name, const JsonView& document, JsonWriter& json) {
  json.Key(name);
  int64_t number = 0;
  const auto line = document.Find("line");
  if (line.has_value()) {
    constexpr int64_t kLowest = std::numeric_limits<int32_t>::min();
    constexpr int64_t kHighest = std::numeric_limits<int32_t>::max();
    const Result<int64_t> value = line->GetInt(name, kLowest, kHighest, 0);
    if (value.ok()) number = *value;
  }
  json.Int(number);
}

}  // namespace

void WriteFunction(uint64_t id, const JsonView& document, bool extra, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.Uint(id);
  for (const char* name : {"name", "signature", "file"}) WriteText(name, document, false, json);
  json.Key("line");
  json.BeginObject();
  WriteLine("start", document, json);
  WriteLine("end", document, json);
  json.EndObject();
  WriteText("summary", document, true, json);
  json.Key("extra");
  if (extra) {
    json.BeginObject();
    WriteText("code", document, false, json);
    for (const char* name : {"background", "analysis", "purpose", "comment", "opinion"}) {
      WriteText(name, document, true, json);
    }
    json.EndObject();
  } else {
    json.Null();
  }
  json.EndObject();
}

std::string FormatScore(float score) {
  if (!std::isfinite(score)) return "null";
  char text[64];
  const bool plain = score == 0 || std::abs(score) >= kLeastPlain;
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::string out(text, std::to_chars(text, text + sizeof(text), score, format).ptr);
  if (plain) return out.find('.') == std::string::npos ? out + ".0" : out;
  // "1e-07" -> "1e-7"
  const size_t exponent = out.find('e') + 2;
  while (exponent + 1 < out.size() && out[exponent] == '0') out.erase(exponent, 1);
  return out;
}

}  // namespace minnow::api
