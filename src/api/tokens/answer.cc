// SPDX-License-Identifier: Apache-2.0
// Questions to parts of a text: POST /v1/answer, and POST /models/{name} for such a model
// (https://huggingface.co/docs/inference-providers/tasks/question-answering).
#include <string>
#include <utility>
#include <vector>

#include "api/request_json.h"
#include "api/routes.h"
#include "api/tokens/token_json.h"
#include "api/tokens/token_route.h"
#include "api/tokens/token_routes.h"
#include "formats/json.h"
#include "tasks/answers.h"

namespace minnow::api {
namespace {

constexpr int64_t kMaxTopK = 100;
constexpr int64_t kMaxAnswerTokens = 512;
constexpr int64_t kMinWindowTokens = 16;
// Of questions and contexts, which may be one for all: more than any model reads.
constexpr size_t kMaxPairBytes = size_t{8} << 20;

struct AnswerQuery {
  TokenScoresRequest request;  // a pair of question and context each
  bool batch = false;          // a list was sent
  std::string model;           // empty: the first that answers questions
  std::string parameters;      // where "doc_stride" stands, for messages
  AnswerOptions options;
};

Status AddPair(const JsonView& question, const JsonView& context, AnswerQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(std::string first, ReadText(question));
  MINNOW_ASSIGN_OR_RETURN(std::string second, ReadText(context));
  query.request.inputs.emplace_back(TextPair{std::move(first), std::move(second)});
  return {};
}

// "question" and "context", each a string or a list; one string is for all of the other list.
Status ReadPairs(const JsonView& body, AnswerQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView question, body.Get("question"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView context, body.Get("context"));
  query.batch = question.is_array() || context.is_array();
  for (const JsonView& value : {question, context}) {
    if (!value.is_array() && !value.is_string())
      return value.Expected("a string or a list of strings");
  }
  const size_t count = !query.batch ? 1 : question.is_array() ? question.size() : context.size();
  if (context.is_array() && context.size() != count) {
    return context.Expected("as many strings as questions, " + std::to_string(count));
  }
  size_t bytes = 0;
  for (const JsonView& value : {question, context}) {
    if (value.is_string()) bytes += value.String()->size();
  }
  if (count > 0 && query.batch && bytes > kMaxPairBytes / count) {
    return body.Wrong(std::to_string(count) + " pairs with the same text of " +
                      std::to_string(bytes) + " bytes, limit " + std::to_string(kMaxPairBytes) +
                      " bytes together");
  }
  query.request.inputs.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    MINNOW_RETURN_IF_ERROR(AddPair(question.is_array() ? question.at(i) : question,
                                   context.is_array() ? context.at(i) : context, query));
  }
  return {};
}

Status ReadSize(const JsonView& options, const char* name, int64_t min, int64_t max,
                std::optional<size_t>& size) {
  const auto field = options.Find(name);
  if (!field || field->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t value, field->Int(min, max));
  size = static_cast<size_t>(value);
  return {};
}

// {"top_k", "max_answer_len", "max_seq_len", "doc_stride", "handle_impossible_answer",
// "align_to_words"}
Status ReadOptions(const JsonView& options, AnswerQuery& query) {
  AnswerOptions& read = query.options;
  MINNOW_ASSIGN_OR_RETURN(const int64_t top_k, options.GetInt("top_k", 1, kMaxTopK, 1));
  read.top_k = static_cast<size_t>(top_k);
  MINNOW_ASSIGN_OR_RETURN(const int64_t length,
                          options.GetInt("max_answer_len", 1, kMaxAnswerTokens, 15));
  read.max_answer_len = static_cast<size_t>(length);
  MINNOW_RETURN_IF_ERROR(
      ReadSize(options, "max_seq_len", kMinWindowTokens, INT32_MAX, read.max_seq_len));
  MINNOW_RETURN_IF_ERROR(ReadSize(options, "doc_stride", 0, INT32_MAX, read.doc_stride));
  MINNOW_ASSIGN_OR_RETURN(read.handle_impossible_answer,
                          options.GetBool("handle_impossible_answer", false));
  MINNOW_ASSIGN_OR_RETURN(read.align_to_words, options.GetBool("align_to_words", true));
  return {};
}

Result<AnswerQuery> ReadAnswer(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  AnswerQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  query.request.field = "context";
  MINNOW_RETURN_IF_ERROR(ReadPairs(body, query));
  MINNOW_RETURN_IF_ERROR(ReadOptions(body, query));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

// {"inputs": {"question", "context"}, or a list of them, "parameters"}
Result<AnswerQuery> ReadHuggingFace(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  AnswerQuery query;
  query.request.field = "inputs";
  MINNOW_ASSIGN_OR_RETURN(const JsonView inputs, body.Get("inputs"));
  if (inputs.is_array()) {
    query.batch = true;
    query.request.inputs.reserve(inputs.size());
    for (const JsonView item : inputs.Items()) {
      MINNOW_ASSIGN_OR_RETURN(const JsonView question, item.Get("question"));
      MINNOW_ASSIGN_OR_RETURN(const JsonView context, item.Get("context"));
      MINNOW_RETURN_IF_ERROR(AddPair(question, context, query));
    }
  } else if (inputs.is_object()) {
    MINNOW_RETURN_IF_ERROR(ReadPairs(inputs, query));
  } else {
    return inputs.Expected("an object with a question and a context, or a list of such objects");
  }
  const auto parameters = body.Find("parameters");
  if (!parameters || parameters->is_null()) return query;
  MINNOW_RETURN_IF_ERROR(parameters->Object());
  query.parameters = "parameters.";
  MINNOW_RETURN_IF_ERROR(ReadOptions(*parameters, query));
  return query;
}

Status FitWindows(AnswerQuery& query, size_t max_tokens) {
  SetAnswerWindows(query.options, max_tokens, query.request);
  const size_t window = query.request.max_window_tokens;
  if (*query.request.stride < window) return {};
  return Error{Code::kInvalidArgument, query.parameters + "doc_stride: expected less than the " +
                                           std::to_string(window) + " tokens of a window, got " +
                                           std::to_string(*query.request.stride)};
}

void WriteAnswer(const AnswerQuery& query, const Call& call, const TokenScoresAnswer& answer,
                 JsonWriter& json) {
  WriteTexts(call, answer, json, [&](const ScoredText& text) {
    json.Key("answers");
    WriteAnswers(FindAnswers(text, answer.scores, query.options), /*alone=*/false, json);
  });
}

// Of one answer alone no list, as the pipeline gives it.
void WriteHuggingFace(const AnswerQuery& query, const Call&, const TokenScoresAnswer& answer,
                      JsonWriter& json) {
  if (query.batch) json.BeginArray();
  for (const ScoredText& text : answer.texts)
    WriteAnswers(FindAnswers(text, answer.scores, query.options), /*alone=*/true, json);
  if (query.batch) json.EndArray();
}

using AnswerRoute = TokenRoute<AnswerQuery, TaskKind::kAnswer>;

constexpr AnswerRoute kAnswer{
    .errors = Family::kOpenAi, .read = ReadAnswer, .fit = FitWindows, .write = WriteAnswer};
constexpr AnswerRoute kHuggingFace{
    .errors = Family::kTei, .read = ReadHuggingFace, .fit = FitWindows, .write = WriteHuggingFace};

}  // namespace

void SubmitHuggingFaceAnswers(Call& call, const JsonView& body, const std::string& name) {
  SubmitInference(call, kHuggingFace, body, name);
}

void AddTokenRoutes(const ApiContext* context, http::Router& router) {
  router.Add("POST", "/v1/token-classify",
             [context](http::Request request, http::Responder responder) {
               HandleTokenClassify(context, std::move(request), std::move(responder));
             });
  router.Add("POST", "/v1/answer", [context](http::Request request, http::Responder responder) {
    HandleInference(context, kAnswer, std::move(request), std::move(responder));
  });
}

}  // namespace minnow::api
