// SPDX-License-Identifier: Apache-2.0
// Classes of texts: POST /v1/classify, POST /models/{name} (the shape of Hugging Face's inference,
// https://huggingface.co/docs/inference-providers/tasks/text-classification) and POST /process (the
// language detection service of CodeNLP, https://github.com/CodeNLP/codenlp-docker-ml).
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "api/classify/named.h"
#include "api/classify/process_json.h"
#include "api/classify/score_route.h"
#include "api/generate/named.h"
#include "api/request_json.h"
#include "api/routes.h"
#include "api/tokens/token_routes.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

struct ClassifyQuery {
  ClassifyRequest request;
  bool batch = false;  // a list of texts was sent, not one
  std::string model;   // empty: the first that classifies
  size_t top_k = 0;    // 0: all
  // Labels with a lower score are left out.
  double threshold = -std::numeric_limits<double>::infinity();
};

Status ReadTopK(const JsonView& options, ClassifyQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t top_k, options.GetInt("top_k", 1, INT32_MAX, 0));
  query.top_k = static_cast<size_t>(top_k);
  return {};
}

// {"input", "model", "top_k", "threshold", "raw_scores", "truncate", "truncation_direction"}
Result<ClassifyQuery> ReadClassify(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  ClassifyQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  query.request.field = "input";
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "input", query.request.inputs, query.batch));
  MINNOW_RETURN_IF_ERROR(ReadTopK(body, query));
  MINNOW_ASSIGN_OR_RETURN(query.request.raw_scores, body.GetBool("raw_scores", false));
  MINNOW_ASSIGN_OR_RETURN(query.threshold, body.GetNumber("threshold", query.threshold));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

// {"inputs", "parameters": {"top_k", "function_to_apply", "truncation"}}; the path names the model.
Result<ClassifyQuery> ReadHuggingFace(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  ClassifyQuery query;
  query.request.field = "inputs";
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "inputs", query.request.inputs, query.batch));
  const auto parameters = body.Find("parameters");
  if (!parameters.has_value() || parameters->is_null()) return query;
  MINNOW_RETURN_IF_ERROR(parameters->Object());
  MINNOW_RETURN_IF_ERROR(ReadTopK(*parameters, query));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view function,
                          parameters->GetString("function_to_apply", ""));
  if (function != "" && function != "none" && function != "softmax" && function != "sigmoid") {
    return parameters->Find("function_to_apply")->Expected("\"softmax\", \"sigmoid\" or \"none\"");
  }
  if (function == "none") query.request.function = ScoreFunction::kNone;
  if (function == "softmax") query.request.function = ScoreFunction::kSoftmax;
  if (function == "sigmoid") query.request.function = ScoreFunction::kSigmoid;
  MINNOW_ASSIGN_OR_RETURN(query.request.length.truncate, parameters->GetBool("truncation", true));
  return query;
}

// {"text"}, which FindProcessFault has looked at.
Result<ClassifyQuery> ReadProcess(const JsonView& body) {
  ClassifyQuery query;
  query.request.field = "text";
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "text", query.request.inputs, query.batch));
  query.top_k = 1;
  return query;
}

// The classes of the text whose scores begin at `at`.
void WriteText(const ClassifyQuery& query, const ModelFacts& facts, const ClassifyAnswer& answer,
               size_t at, JsonWriter& json) {
  const std::span<const float> scores(answer.scores);
  WriteClasses(facts.labels, BestFirst(scores.subspan(at, facts.labels.size()), query.top_k),
               query.threshold, json);
}

void WriteClassify(const ClassifyQuery& query, const ModelFacts& facts,
                   const ClassifyAnswer& answer, JsonWriter& json) {
  WriteList(facts, answer.tokens.size(), Sum(answer.tokens), json, [&](size_t i) {
    json.Key("classes");
    WriteText(query, facts, answer, i * facts.labels.size(), json);
    return TextTokens{answer.untruncated[i], answer.tokens[i]};
  });
}

// A list for each text, also where there is one.
void WriteHuggingFace(const ClassifyQuery& query, const ModelFacts& facts,
                      const ClassifyAnswer& answer, JsonWriter& json) {
  json.BeginArray();
  for (size_t at = 0; at < answer.scores.size(); at += facts.labels.size())
    WriteText(query, facts, answer, at, json);
  json.EndArray();
}

void WriteProcess(const ClassifyQuery&, const ModelFacts& facts, const ClassifyAnswer& answer,
                  JsonWriter& json) {
  json.String(facts.labels[BestFirst(answer.scores, 1).front().label]);
}

using ClassifyRoute = ScoreRoute<ClassifyQuery, TaskKind::kClassify>;

constexpr ClassifyRoute kClassify{.errors = Family::kOpenAi,
                                  .read = ReadClassify,
                                  .write = WriteClassify,
                                  .max_inputs = &ApiOptions::max_openai_inputs};
constexpr ClassifyRoute kHuggingFace{.errors = Family::kTei,
                                     .read = ReadHuggingFace,
                                     .write = WriteHuggingFace,
                                     .max_inputs = &ApiOptions::max_openai_inputs};
constexpr ClassifyRoute kProcess{.errors = Family::kFastApi,
                                 .read = ReadProcess,
                                 .write = WriteProcess,
                                 .max_inputs = &ApiOptions::max_openai_inputs};

void HandleProcess(const ApiContext* context, http::Request request, http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, kProcess.errors, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [](Call& c) {
    if (auto fault = FindProcessFault(c.request().body)) {
      c.context().metrics->CountFailure(FailureKind::kValidation);
      return c.Finish(*std::move(fault));
    }
    SubmitInference(c, kProcess);
  });
}

// POST /models/{name}: the name is part of the path, with its slashes. What it answers is what the
// model does, but for labels of the request, which ask for entailment.
void HandleNamed(const ApiContext* context, http::Request request, http::Responder responder) {
  const std::string name(request.Parameter("name"));
  auto call = std::make_shared<Call>(context, kHuggingFace.errors, std::move(request),
                                     std::move(responder));
  Call::Begin(std::move(call), [name](Call& c) {
    const auto document = c.Parse();
    if (!document.has_value() || !c.UseModel(name, std::nullopt)) return;
    const JsonView body = document->root();
    if (AsksForLabels(body)) return SubmitZeroShot(c, body, name);
    if (SubmitToTokenModel(c, body, name)) return;
    const ModelFacts& facts = c.facts();
    if (facts.task == TaskKind::kGenerate) return SubmitText(c, body, name);
    if (facts.task == TaskKind::kEmbed && facts.fills_masks) return SubmitFillMask(c, body, name);
    SubmitInference(c, kHuggingFace, body, name);
  });
}

}  // namespace

void WriteClasses(const std::vector<std::string>& labels, std::span<const LabelScore> ranked,
                  double threshold, JsonWriter& json) {
  json.BeginArray();
  for (const LabelScore& one : ranked) {
    if (one.score < threshold) break;
    json.BeginObject();
    json.Key("label");
    json.String(labels[one.label]);
    json.Key("score");
    json.Float(one.score);
    json.EndObject();
  }
  json.EndArray();
}

void AddClassifyRoutes(const ApiContext* context, http::Router& router) {
  router.Add("POST", "/v1/classify", [context](http::Request request, http::Responder responder) {
    HandleInference(context, kClassify, std::move(request), std::move(responder));
  });
  router.Add("POST", "/models/{name*}",
             [context](http::Request request, http::Responder responder) {
               HandleNamed(context, std::move(request), std::move(responder));
             });
  router.Add("POST", "/process", [context](http::Request request, http::Responder responder) {
    HandleProcess(context, std::move(request), std::move(responder));
  });
}

}  // namespace minnow::api
