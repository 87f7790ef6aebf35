// SPDX-License-Identifier: Apache-2.0
// Request bodies: four shapes of inputs, and the options beside them.
#include "api/request_json.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "text/unicode.h"

namespace minnow::api {
namespace {

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxValues = 2'000'000;
constexpr int64_t kMaxTokenId = std::numeric_limits<TokenId>::max();
constexpr size_t kMaxTokensOfAll = 16 * 1024;  // each is some kilobytes of the answer
constexpr int64_t kMaxDimensions = 1 << 20;    // of any model

Result<std::vector<TokenId>> ReadIds(const JsonView& list) {
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t id, item.Int(0, kMaxTokenId));
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

bool IsNumber(const JsonView& value) { return value.type() == JsonType::kNumber; }

Status RefuseEmptyTexts(const EmbedRequest& request) {
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const auto* text = std::get_if<std::string>(&request.inputs[i]);
    const auto* ids = std::get_if<std::vector<TokenId>>(&request.inputs[i]);
    if ((text != nullptr && text->empty()) || (ids != nullptr && ids->empty())) {
      return Error{Code::kInvalidArgument,
                   request.field + "[" + std::to_string(i) + "]: must not be empty"};
    }
  }
  return {};
}

Status ReadDimensions(const JsonView& body, EmbeddingQuery& query) {
  const auto value = body.Find("dimensions");
  if (!value.has_value() || value->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t dimensions, value->Int(1, kMaxDimensions));
  query.dimensions = static_cast<size_t>(dimensions);
  return {};
}

// [id, ...] | ["text"] | ["text", "text"]
Result<EmbedInput> ReadTextPairOrIds(const JsonView& list) {
  MINNOW_RETURN_IF_ERROR(list.Array());
  if (list.size() == 0) return list.Wrong("must not be empty");
  if (IsNumber(list.at(0))) {
    MINNOW_ASSIGN_OR_RETURN(std::vector<TokenId> ids, ReadIds(list));
    return EmbedInput(std::move(ids));
  }
  if (list.size() == 1) {
    MINNOW_ASSIGN_OR_RETURN(std::string text, ReadText(list.at(0)));
    return EmbedInput(std::move(text));
  }
  if (list.size() > 2) {
    return list.Wrong(std::to_string(list.size()) +
                      " texts, limit 2: a list of texts is one text or a pair; several inputs are "
                      "a list of lists");
  }
  // One of the two may be empty, as text-embeddings-inference has it.
  MINNOW_ASSIGN_OR_RETURN(const std::string_view first, list.at(0).String());
  if (first.empty()) {
    const auto other = ReadText(list.at(1));
    if (!other.ok()) return other.error();
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string_view second, list.at(1).String());
  return EmbedInput(TextPair{std::string(first), std::string(second)});
}

}  // namespace

std::string_view WithoutMark(std::string_view body) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return body.substr(body.starts_with(kMark) ? kMark.size() : 0);
}

Result<JsonDocument> ParseBody(std::string_view body) {
  body = WithoutMark(body);
  auto document = JsonDocument::Parse(body, "", {.max_depth = kMaxDepth, .max_values = kMaxValues});
  if (document.ok() || IsValidUtf8(body)) return document;
  return Error{Code::kInvalidArgument, "the body is not UTF-8"};
}

Status ReadInputs(const JsonView& body, std::string_view field, std::vector<EmbedInput>& inputs,
                  bool& batch) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView value, body.Get(field));
  if (value.is_string()) {
    inputs.emplace_back(std::string(*value.String()));
    return {};
  }
  if (!value.is_array()) {
    return value.Expected("a string, a list of strings, a list of token ids or a list of those");
  }
  if (value.size() > 0 && IsNumber(value.at(0))) {
    MINNOW_ASSIGN_OR_RETURN(std::vector<TokenId> ids, ReadIds(value));
    inputs.emplace_back(std::move(ids));
    return {};
  }
  batch = true;
  inputs.reserve(value.size());
  const bool want_ids = value.size() > 0 && value.at(0).is_array();
  for (const JsonView item : value.Items()) {
    if (want_ids && item.is_array()) {
      MINNOW_ASSIGN_OR_RETURN(std::vector<TokenId> ids, ReadIds(item));
      inputs.emplace_back(std::move(ids));
    } else if (!want_ids && item.is_string()) {
      inputs.emplace_back(std::string(*item.String()));
    } else {
      return item.Expected(want_ids ? "a list of token ids" : "a string");
    }
  }
  return {};
}

Status ReadTexts(const JsonView& body, std::string_view field, std::vector<std::string>& texts,
                 bool& batch) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView value, body.Get(field));
  if (value.is_string()) {
    texts.emplace_back(*value.String());
    return {};
  }
  if (!value.is_array()) return value.Expected("a string or a list of strings");
  batch = true;
  texts.reserve(value.size());
  for (const JsonView item : value.Items()) {
    if (!item.is_string()) return item.Expected("a string");
    texts.emplace_back(*item.String());
  }
  return {};
}

Status ReadLengthPolicy(const JsonView& body, LengthPolicy& policy) {
  MINNOW_ASSIGN_OR_RETURN(policy.truncate, body.GetBool("truncate", true));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view direction,
                          body.GetString("truncation_direction", "right"));
  if (direction == "left" || direction == "Left") {
    policy.direction = TruncationDirection::kLeft;
  } else if (direction == "right" || direction == "Right") {
    policy.direction = TruncationDirection::kRight;
  } else {
    return body.Find("truncation_direction")->Expected("\"left\" or \"right\"");
  }
  return {};
}

Result<std::string> ReadText(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, value.String());
  if (text.empty()) return value.Wrong("must not be empty");
  return std::string(text);
}

Status ReadPromptName(const JsonView& body, PromptChoice& prompt) {
  MINNOW_ASSIGN_OR_RETURN(prompt.value, body.GetName("prompt_name", ""));
  if (!prompt.value.empty()) prompt.kind = PromptChoice::Kind::kNamed;
  return {};
}

Result<EmbeddingQuery> ReadTeiEmbed(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  EmbeddingQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetString("model", ""));
  query.request.field = "inputs";
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "inputs", query.request.inputs, query.batch));
  MINNOW_RETURN_IF_ERROR(RefuseEmptyTexts(query.request));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  MINNOW_ASSIGN_OR_RETURN(query.request.normalize, body.GetBool("normalize", true));
  MINNOW_RETURN_IF_ERROR(ReadDimensions(body, query));
  MINNOW_RETURN_IF_ERROR(ReadPromptName(body, query.request.prompt));
  return query;
}

Result<EmbeddingQuery> ReadTeiEmbedAll(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  EmbeddingQuery query;
  query.request.all_tokens = true;
  query.request.max_total_tokens = kMaxTokensOfAll;
  query.request.field = "inputs";
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "inputs", query.request.inputs, query.batch));
  MINNOW_RETURN_IF_ERROR(RefuseEmptyTexts(query.request));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  MINNOW_RETURN_IF_ERROR(ReadPromptName(body, query.request.prompt));
  return query;
}

Result<EmbeddingQuery> ReadTeiSimilarity(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  MINNOW_ASSIGN_OR_RETURN(const JsonView inputs, body.Get("inputs"));
  MINNOW_RETURN_IF_ERROR(inputs.Object());
  EmbeddingQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetString("model", ""));
  query.similarity = true;
  query.batch = true;
  query.request.field = "inputs.sentences";
  query.request.last_field = "inputs.source_sentence";
  MINNOW_ASSIGN_OR_RETURN(const JsonView sentences, inputs.Get("sentences"));
  MINNOW_RETURN_IF_ERROR(sentences.Array());
  for (const JsonView item : sentences.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, item.String());
    if (text.empty()) return item.Wrong("must not be empty");
    query.request.inputs.emplace_back(std::string(text));
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonView source, inputs.Get("source_sentence"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, source.String());
  if (text.empty()) return source.Wrong("must not be empty");
  // Nothing to compare with is an empty batch.
  if (sentences.size() > 0) query.request.inputs.emplace_back(std::string(text));
  const auto parameters = body.Find("parameters");
  if (!parameters.has_value() || parameters->is_null()) return query;
  MINNOW_RETURN_IF_ERROR(parameters->Object());
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(*parameters, query.request.length));
  MINNOW_RETURN_IF_ERROR(ReadPromptName(*parameters, query.request.prompt));
  return query;
}

Result<EmbeddingQuery> ReadTeiRoot(const JsonView& body) {
  const auto inputs = body.Find("inputs");
  return inputs.has_value() && inputs->is_object() ? ReadTeiSimilarity(body) : ReadTeiEmbed(body);
}

Result<EmbeddingQuery> ReadOpenAiEmbed(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  EmbeddingQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  query.request.field = "input";
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "input", query.request.inputs, query.batch));
  MINNOW_RETURN_IF_ERROR(RefuseEmptyTexts(query.request));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view format,
                          body.GetString("encoding_format", "float"));
  if (format != "float" && format != "base64") {
    return body.Find("encoding_format")->Expected("\"float\" or \"base64\"");
  }
  query.request.foreign_ids = false;
  query.base64 = format == "base64";
  MINNOW_RETURN_IF_ERROR(ReadDimensions(body, query));
  MINNOW_RETURN_IF_ERROR(ReadPromptName(body, query.request.prompt));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

Result<PredictQuery> ReadTeiPredict(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  PredictQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetString("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const JsonView inputs, body.Get("inputs"));
  std::vector<EmbedInput>& read = query.request.inputs;
  if (inputs.is_string()) {
    MINNOW_ASSIGN_OR_RETURN(std::string text, ReadText(inputs));
    read.emplace_back(std::move(text));
  } else if (!inputs.is_array()) {
    return inputs.Expected(
        "a string, a pair of strings, a list of token ids or a list of such lists");
  } else if (inputs.size() > 0 && !inputs.at(0).is_array()) {
    MINNOW_ASSIGN_OR_RETURN(EmbedInput input, ReadTextPairOrIds(inputs));
    read.push_back(std::move(input));
  } else {
    query.batch = true;
    read.reserve(inputs.size());
    for (const JsonView item : inputs.Items()) {
      MINNOW_ASSIGN_OR_RETURN(EmbedInput input, ReadTextPairOrIds(item));
      read.push_back(std::move(input));
    }
  }
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  MINNOW_ASSIGN_OR_RETURN(query.request.raw_scores, body.GetBool("raw_scores", false));
  return query;
}

Result<TokenizeQuery> ReadTokenize(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  TokenizeQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetString("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const JsonView inputs, body.Get("inputs"));
  if (inputs.is_string()) {
    query.inputs.emplace_back(*inputs.String());
  } else if (inputs.is_array()) {
    query.batch = true;
    for (const JsonView item : inputs.Items()) {
      MINNOW_ASSIGN_OR_RETURN(const std::string_view text, item.String());
      query.inputs.emplace_back(text);
    }
  } else {
    return inputs.Expected("a string or a list of strings");
  }
  MINNOW_ASSIGN_OR_RETURN(query.add_special_tokens, body.GetBool("add_special_tokens", true));
  MINNOW_RETURN_IF_ERROR(ReadPromptName(body, query.prompt));
  return query;
}

Result<DecodeQuery> ReadDecode(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  DecodeQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetString("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const JsonView ids, body.Get("ids"));
  MINNOW_RETURN_IF_ERROR(ids.Array());
  if (ids.size() > 0 && IsNumber(ids.at(0))) {
    MINNOW_ASSIGN_OR_RETURN(std::vector<TokenId> list, ReadIds(ids));
    query.ids.push_back(std::move(list));
  } else {
    query.batch = true;
    for (const JsonView item : ids.Items()) {
      MINNOW_RETURN_IF_ERROR(item.Array());
      MINNOW_ASSIGN_OR_RETURN(std::vector<TokenId> list, ReadIds(item));
      query.ids.push_back(std::move(list));
    }
  }
  MINNOW_ASSIGN_OR_RETURN(query.skip_special_tokens, body.GetBool("skip_special_tokens", true));
  return query;
}

}  // namespace minnow::api
