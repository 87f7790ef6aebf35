// SPDX-License-Identifier: Apache-2.0
// Entities of texts: POST /v1/token-classify, and POST /models/{name} for a token classifier
// (https://huggingface.co/docs/inference-providers/tasks/token-classification).
#include <string>
#include <utility>
#include <vector>

#include "api/request_json.h"
#include "api/routes.h"
#include "api/tokens/token_json.h"
#include "api/tokens/token_route.h"
#include "api/tokens/token_routes.h"
#include "formats/json.h"
#include "tasks/entities.h"

namespace minnow::api {
namespace {

// Each is compared with each entity.
constexpr size_t kMaxIgnored = 1000;

struct EntityQuery {
  TokenScoresRequest request;
  bool batch = false;      // a list of texts was sent, not one
  std::string model;       // empty: the first that classifies tokens
  std::string parameters;  // where "stride" stands, for messages: "parameters." or nothing
  EntityOptions options;
};

Status ReadTexts(const JsonView& body, const char* field, EntityQuery& query) {
  query.request.field = field;
  MINNOW_ASSIGN_OR_RETURN(const JsonView value, body.Get(field));
  query.batch = value.is_array();
  if (!value.is_array() && !value.is_string())
    return value.Expected("a string or a list of strings");
  if (value.is_string()) {
    query.request.inputs.emplace_back(std::string(*value.String()));
    return {};
  }
  query.request.inputs.reserve(value.size());
  for (const JsonView item : value.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, item.String());
    query.request.inputs.emplace_back(std::string(text));
  }
  return {};
}

// {"aggregation_strategy", "ignore_labels", "stride"}
Status ReadOptions(const JsonView& options, EntityQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name,
                          options.GetString("aggregation_strategy", "simple"));
  const auto aggregation = ParseAggregation(name);
  if (!aggregation) {
    return options.Find("aggregation_strategy")
        ->Expected("\"none\", \"simple\", \"first\", \"average\" or \"max\"");
  }
  query.options.aggregation = *aggregation;
  if (const auto ignored = options.Find("ignore_labels"); ignored && !ignored->is_null()) {
    MINNOW_RETURN_IF_ERROR(ignored->Array());
    if (ignored->size() > kMaxIgnored)
      return ignored->Expected("at most " + std::to_string(kMaxIgnored) + " labels");
    query.options.ignore_labels.clear();
    for (const JsonView item : ignored->Items()) {
      MINNOW_ASSIGN_OR_RETURN(const std::string_view label, item.String());
      query.options.ignore_labels.emplace_back(label);
    }
  }
  const auto stride = options.Find("stride");
  if (!stride || stride->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t tokens, stride->Int(0, INT32_MAX));
  query.request.stride = static_cast<size_t>(tokens);
  if (*aggregation == Aggregation::kNone) {
    return stride->Wrong(
        "windows are merged by entities: aggregation_strategy must not be \"none\"");
  }
  return {};
}

// {"input", "model", "aggregation_strategy", "ignore_labels", "stride", "truncate",
// "truncation_direction"}
Result<EntityQuery> ReadTokenClassify(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  EntityQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_RETURN_IF_ERROR(ReadTexts(body, "input", query));
  MINNOW_RETURN_IF_ERROR(ReadOptions(body, query));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

// {"inputs", "parameters": {"aggregation_strategy", "ignore_labels", "stride"}}
Result<EntityQuery> ReadHuggingFaceEntities(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  EntityQuery query;
  MINNOW_RETURN_IF_ERROR(ReadTexts(body, "inputs", query));
  const auto parameters = body.Find("parameters");
  if (!parameters || parameters->is_null()) return query;
  MINNOW_RETURN_IF_ERROR(parameters->Object());
  query.parameters = "parameters.";
  MINNOW_RETURN_IF_ERROR(ReadOptions(*parameters, query));
  return query;
}

Status FitStride(EntityQuery& query, size_t max_tokens) {
  if (query.request.stride.value_or(0) < max_tokens) return {};
  return Error{Code::kInvalidArgument,
               query.parameters + "stride: expected less than the " + std::to_string(max_tokens) +
                   " tokens that the model reads, got " + std::to_string(*query.request.stride)};
}

void WriteText(const EntityQuery& query, const Call& call, const TokenScoresAnswer& answer,
               const ScoredText& text, JsonWriter& json) {
  WriteEntities(FindEntities(*call.model().tokenizer(), call.facts().labels, text, answer.scores,
                             query.options),
                query.options.aggregation, json);
}

void WriteTokenClassify(const EntityQuery& query, const Call& call, const TokenScoresAnswer& answer,
                        JsonWriter& json) {
  WriteTexts(call, answer, json, [&](const ScoredText& text) {
    json.Key("entities");
    WriteText(query, call, answer, text, json);
  });
}

void WriteHuggingFace(const EntityQuery& query, const Call& call, const TokenScoresAnswer& answer,
                      JsonWriter& json) {
  if (query.batch) json.BeginArray();
  for (const ScoredText& text : answer.texts) WriteText(query, call, answer, text, json);
  if (query.batch) json.EndArray();
}

using EntityRoute = TokenRoute<EntityQuery, TaskKind::kTokenClassify>;

constexpr EntityRoute kTokenClassify{.errors = Family::kOpenAi,
                                     .read = ReadTokenClassify,
                                     .fit = FitStride,
                                     .write = WriteTokenClassify};
constexpr EntityRoute kHuggingFaceEntities{.errors = Family::kTei,
                                           .read = ReadHuggingFaceEntities,
                                           .fit = FitStride,
                                           .write = WriteHuggingFace};

}  // namespace

bool SubmitToTokenModel(Call& call, const JsonView& body, const std::string& name) {
  const TaskKind task = call.facts().task;
  if (task == TaskKind::kTokenClassify) SubmitInference(call, kHuggingFaceEntities, body, name);
  if (task == TaskKind::kAnswer) SubmitHuggingFaceAnswers(call, body, name);
  return task == TaskKind::kTokenClassify || task == TaskKind::kAnswer;
}

void HandleTokenClassify(const ApiContext* context, http::Request request,
                         http::Responder responder) {
  HandleInference(context, kTokenClassify, std::move(request), std::move(responder));
}

}  // namespace minnow::api
