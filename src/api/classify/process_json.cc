// SPDX-License-Identifier: Apache-2.0
#include "api/classify/process_json.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "api/request_json.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

// What was sent is repeated, but not at any length.
constexpr size_t kShownBytes = 64 * 1024;

struct PydanticFault {
  const char* type;
  const char* message;
  std::string_view location = {};  // below "body"; empty: the body itself
};

http::Response Answer(const PydanticFault& fault, std::string_view input) {
  http::Response response;
  response.status = 422;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("detail");
  json.BeginArray();
  json.BeginObject();
  json.Key("type");
  json.String(fault.type);
  json.Key("loc");
  json.BeginArray();
  json.String("body");
  if (!fault.location.empty()) json.Raw(fault.location);
  json.EndArray();
  json.Key("msg");
  json.String(fault.message);
  json.Key("input");
  json.Raw(input.empty() || input.size() > kShownBytes ? "null" : input);
  json.EndObject();
  json.EndArray();
  json.EndObject();
  return response;
}

// The number after `word` in a message; 0 where there is none.
size_t NumberAfter(std::string_view message, std::string_view word) {
  const size_t at = message.find(word);
  size_t number = 0;
  if (at != std::string_view::npos) {
    const char* const end = message.data() + message.size();
    std::from_chars(message.data() + at + word.size(), end, number);
  }
  return number;
}

// Where the text stops being JSON, in characters, as Python's reader counts: from the line and the
// column that the message tells.
size_t FaultPosition(std::string_view body, std::string_view message) {
  size_t at = 0;
  for (size_t line = NumberAfter(message, "line "); line > 1; --line) {
    at = std::min(body.find('\n', at), body.size() - 1) + 1;
  }
  at += std::max<size_t>(NumberAfter(message, "column "), 1) - 1;
  size_t characters = 0;
  for (const char c : body.substr(0, at)) {
    characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }
  return characters;
}

std::string Written(const JsonView& value) {
  std::string text;
  JsonWriter json(&text);
  WriteJson(value, json);
  return text;
}

}  // namespace

std::optional<http::Response> FindProcessFault(std::string_view body) {
  body = WithoutMark(body);
  if (body.empty()) return Answer({"missing", "Field required"}, {});
  const auto document = ParseBody(body);
  if (!document.ok()) {
    const std::string position = std::to_string(FaultPosition(body, document.error().message));
    return Answer({"json_invalid", "JSON decode error", position}, "{}");
  }
  const JsonView root = document->root();
  if (!root.is_object()) {
    return Answer({"model_attributes_type",
                   "Input should be a valid dictionary or object to extract fields from"},
                  Written(root));
  }
  const auto text = root.Find("text");
  if (!text.has_value()) return Answer({"missing", "Field required", "\"text\""}, Written(root));
  if (!text->is_string()) {
    return Answer({"string_type", "Input should be a valid string", "\"text\""}, Written(*text));
  }
  return std::nullopt;
}

}  // namespace minnow::api
