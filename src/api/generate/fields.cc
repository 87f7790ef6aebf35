// SPDX-License-Identifier: Apache-2.0
#include "api/generate/fields.h"

namespace minnow::api {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581, SentencePiece's mark

bool AsksForNothing(const JsonView& value) {
  switch (value.type()) {
    case JsonType::kNull:
      return true;
    case JsonType::kBool:
      return !*value.Bool();
    case JsonType::kNumber: {
      const auto number = value.Number();
      return number.ok() && *number == 0;
    }
    case JsonType::kString:
      return *value.String() == "";
    default:
      return value.size() == 0;
  }
}

}  // namespace

Result<JsonView> ReadObject(const JsonView& body, std::string_view name) {
  static const JsonDocument empty = JsonDocument::Parse("{}", "").value();
  const auto value = body.Find(name);
  if (!value || value->is_null()) return empty.root();
  return value->Object();
}

Result<std::optional<double>> ReadNumber(const JsonView& object, std::string_view name) {
  const auto value = object.Find(name);
  if (!value || value->is_null()) return std::optional<double>();
  MINNOW_ASSIGN_OR_RETURN(const double number, value->Number());
  return std::optional<double>(number);
}

Result<std::optional<int32_t>> ReadInteger(const JsonView& object, std::string_view name,
                                           int64_t least, int64_t most) {
  const auto value = object.Find(name);
  if (!value || value->is_null()) return std::optional<int32_t>();
  MINNOW_ASSIGN_OR_RETURN(const int64_t number, value->Int(least, most));
  return std::optional<int32_t>(static_cast<int32_t>(number));
}

Status ReadStop(const JsonView& object, std::string_view name, size_t most,
                std::vector<std::string>& stop) {
  const auto value = object.Find(name);
  if (!value || value->is_null()) return {};
  if (value->is_string()) {
    stop.emplace_back(*value->String());
    return {};
  }
  if (!value->is_array()) return value->Expected("a string or a list of strings");
  if (value->size() > most) {
    return value->Wrong(std::to_string(value->size()) + " strings, limit " + std::to_string(most));
  }
  for (const JsonView item : value->Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, item.String());
    stop.emplace_back(text);
  }
  return {};
}

Status Refuse(const JsonView& object, std::string_view name, std::string_view why) {
  const auto value = object.Find(name);
  if (!value || AsksForNothing(*value)) return {};
  return value->Wrong(why);
}

void SetSampling(bool sample, GenerationOptions& options) {
  options.do_sample = sample;
  if (!options.num_beams) options.num_beams = 1;
  options.num_return_sequences = 1;
  if (sample && !options.top_k) options.top_k = 0;
}

void Put(JsonWriter& json, std::string_view name, std::string_view text) {
  json.Key(name);
  json.String(text);
}

void PutUint(JsonWriter& json, std::string_view name, uint64_t number) {
  json.Key(name);
  json.Uint(number);
}

void PutNull(JsonWriter& json, std::string_view name) {
  json.Key(name);
  json.Null();
}

void AppendEvent(std::string_view json, std::string& out) {
  out.append("data: ").append(json).append("\n\n");
}

std::string_view TgiFinish(FinishReason reason) {
  switch (reason) {
    case FinishReason::kLength:
      return "length";
    case FinishReason::kEnd:
      return "eos_token";
    case FinishReason::kStop:
      return "stop_sequence";
  }
  return "";
}

std::string_view OpenAiFinish(FinishReason reason) {
  return reason == FinishReason::kLength ? "length" : "stop";
}

std::string TokenText(const GenerateModel& model, TokenId id) {
  std::string text(model.tokenizer().IdToToken(id).value_or(""));
  for (size_t at = text.find(kSpace); at != std::string::npos; at = text.find(kSpace, at + 1))
    text.replace(at, kSpace.size(), " ");
  return text;
}

}  // namespace minnow::api
