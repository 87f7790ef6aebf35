// SPDX-License-Identifier: Apache-2.0
// Labels of the request: POST /v1/zero-shot, and POST /models/{name} with candidate_labels.
#include "tasks/zero_shot.h"

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/classify/named.h"
#include "api/classify/score_route.h"
#include "api/request_json.h"
#include "api/routes.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

// Each text stands beside each label.
constexpr size_t kMaxPairs = 2048;
// Of the texts and sentences of all pairs.
constexpr size_t kMaxHypothesisBytes = size_t{8} << 20;

struct ZeroShotQuery {
  ClassifyRequest request;  // a pair of each text and each hypothesis, text by text
  bool batch = false;       // a list of texts was sent, not one
  std::string model;        // empty: the first that tells entailment
  std::vector<std::string> labels;
  bool multi_label = false;
};

// ["a", "b"] or "a, b"
Status ReadLabels(const JsonView& options, const char* field, std::vector<std::string>& labels) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView value, options.Get(field));
  if (value.is_string()) {
    labels = SplitLabels(*value.String());
    return {};
  }
  bool list = false;
  return ReadTexts(options, field, labels, list);
}

Status MakePairs(const std::vector<std::string>& texts, const std::vector<std::string>& hypotheses,
                 const char* field, ZeroShotQuery& query) {
  size_t text_bytes = 0, hypothesis_bytes = 0;
  for (const std::string& text : texts) text_bytes += text.size();
  for (const std::string& text : hypotheses) hypothesis_bytes += text.size();
  const std::string what = std::string(field) + ": " + std::to_string(texts.size()) +
                           " texts with " + std::to_string(hypotheses.size()) + " labels make ";
  const size_t pairs = texts.size() * hypotheses.size();
  if (pairs > kMaxPairs) {
    return Error{Code::kInvalidArgument,
                 what + std::to_string(pairs) + " pairs, limit " + std::to_string(kMaxPairs)};
  }
  const size_t bytes = text_bytes * hypotheses.size() + hypothesis_bytes * texts.size();
  if (bytes > kMaxHypothesisBytes) {
    return Error{Code::kInvalidArgument, what + "pairs of " + std::to_string(bytes) +
                                             " bytes together, limit " +
                                             std::to_string(kMaxHypothesisBytes)};
  }
  query.request.inputs.reserve(pairs);
  for (const std::string& text : texts) {
    for (const std::string& hypothesis : hypotheses)
      query.request.inputs.emplace_back(TextPair{text, hypothesis});
  }
  return {};
}

// `fields`: of the texts and of the labels; the labels and what goes with them stand in `options`.
Status ReadQuery(const JsonView& body, const char* field, const JsonView& options,
                 const char* labels_field, ZeroShotQuery& query) {
  std::vector<std::string> texts;
  MINNOW_RETURN_IF_ERROR(ReadTexts(body, field, texts, query.batch));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) {
      return Error{
          Code::kInvalidArgument,
          field + (query.batch ? "[" + std::to_string(i) + "]" : "") + ": must not be empty"};
    }
  }
  MINNOW_RETURN_IF_ERROR(ReadLabels(options, labels_field, query.labels));
  MINNOW_ASSIGN_OR_RETURN(query.multi_label, options.GetBool("multi_label", false));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view hypothesis_template,
                          options.GetString("hypothesis_template", kHypothesisTemplate));
  MINNOW_ASSIGN_OR_RETURN(const std::vector<std::string> hypotheses,
                          MakeHypotheses(hypothesis_template, query.labels, labels_field));
  query.request.field = field;
  query.request.raw_scores = true;
  query.request.length.first_only = true;
  query.request.inputs_per_item = hypotheses.size();
  return MakePairs(texts, hypotheses, field, query);
}

// {"input", "model", "labels", "hypothesis_template", "multi_label", "truncate",
// "truncation_direction"}
Result<ZeroShotQuery> ReadZeroShot(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  ZeroShotQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  MINNOW_RETURN_IF_ERROR(ReadQuery(body, "input", body, "labels", query));
  return query;
}

Result<ZeroShotQuery> ReadHuggingFaceZeroShot(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  ZeroShotQuery query;
  MINNOW_ASSIGN_OR_RETURN(const JsonView parameters, body.Get("parameters"));
  MINNOW_RETURN_IF_ERROR(parameters.Object());
  MINNOW_RETURN_IF_ERROR(ReadQuery(body, "inputs", parameters, "candidate_labels", query));
  return query;
}

// The labels of one text, best first.
std::vector<LabelScore> Rank(const ZeroShotQuery& query, const ModelFacts& facts,
                             const ClassifyAnswer& answer, size_t text) {
  const size_t size = query.labels.size() * facts.labels.size();
  const std::span<const float> raw(answer.scores);
  return BestFirst(ZeroShotScores(raw.subspan(text * size, size), facts.labels.size(),
                                  *FindEntailment(facts.labels), query.multi_label),
                   /*top_k=*/0);
}

uint64_t SumOf(const std::vector<uint32_t>& tokens, size_t text, size_t labels) {
  uint64_t sum = 0;
  for (size_t i = text * labels; i < (text + 1) * labels; ++i) sum += tokens[i];
  return sum;
}

void WriteText(const ZeroShotQuery& query, const ModelFacts& facts, const ClassifyAnswer& answer,
               size_t text, JsonWriter& json) {
  constexpr double kAll = -std::numeric_limits<double>::infinity();
  WriteClasses(query.labels, Rank(query, facts, answer, text), kAll, json);
}

size_t Texts(const ZeroShotQuery& query, const ClassifyAnswer& answer) {
  return answer.tokens.size() / query.labels.size();
}

// Tokens are those of all pairs of a text.
void Write(const ZeroShotQuery& query, const ModelFacts& facts, const ClassifyAnswer& answer,
           JsonWriter& json) {
  const size_t labels = query.labels.size();
  WriteList(facts, Texts(query, answer), Sum(answer.tokens), json, [&](size_t i) {
    json.Key("classes");
    WriteText(query, facts, answer, i, json);
    return TextTokens{SumOf(answer.untruncated, i, labels), SumOf(answer.tokens, i, labels)};
  });
}

// What huggingface_hub's client reads: the list of one text, or a list of these.
void WriteHuggingFace(const ZeroShotQuery& query, const ModelFacts& facts,
                      const ClassifyAnswer& answer, JsonWriter& json) {
  if (query.batch) json.BeginArray();
  for (size_t i = 0; i < Texts(query, answer); ++i) WriteText(query, facts, answer, i, json);
  if (query.batch) json.EndArray();
}

using ZeroShotRoute = ScoreRoute<ZeroShotQuery, TaskKind::kZeroShot>;

constexpr ZeroShotRoute kZeroShot{.errors = Family::kOpenAi,
                                  .read = ReadZeroShot,
                                  .write = Write,
                                  .max_inputs = &ApiOptions::max_openai_inputs};
constexpr ZeroShotRoute kHuggingFaceZeroShot{.errors = Family::kTei,
                                             .read = ReadHuggingFaceZeroShot,
                                             .write = WriteHuggingFace,
                                             .max_inputs = &ApiOptions::max_openai_inputs};

}  // namespace

bool AsksForLabels(const JsonView& body) {
  const auto parameters = body.Find("parameters");
  return parameters.has_value() && parameters->Find("candidate_labels").has_value();
}

void SubmitZeroShot(Call& call, const JsonView& body, std::string_view model) {
  SubmitInference(call, kHuggingFaceZeroShot, body, model);
}

void AddZeroShotRoutes(const ApiContext* context, http::Router& router) {
  router.Add("POST", "/v1/zero-shot", [context](http::Request request, http::Responder responder) {
    HandleInference(context, kZeroShot, std::move(request), std::move(responder));
  });
}

}  // namespace minnow::api
