// SPDX-License-Identifier: Apache-2.0
// Reranking: a query and documents to how well each answers it, best first.
//
// A reranker is a classifier with one label over pairs of texts; the score is the sigmoid of what
// its head gives.
//   POST /rerank     https://github.com/huggingface/text-embeddings-inference, release 1.9
//   POST /v1/rerank  https://api.jina.ai/docs
//   POST /v2/rerank  https://docs.cohere.com/reference/rerank
#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "api/classify/score_route.h"
#include "api/request_json.h"
#include "api/routes.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

// Of the query, once for each document: more than any model reads.
constexpr size_t kMaxPairBytes = size_t{32} << 20;

struct RerankQuery {
  ClassifyRequest request;  // a pair of the query and each document
  bool batch = true;
  std::string model;               // empty: the first that reranks
  std::vector<std::string> texts;  // of the documents, where the answer repeats them
  size_t top_n = 0;                // 0: all
  bool raw_scores = false;
};

// `documents`: strings or, where `objects`, objects with a "text".
Status ReadDocuments(const JsonView& body, const char* field, bool objects, bool keeps_texts,
                     RerankQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView asked, body.Get("query"));
  MINNOW_ASSIGN_OR_RETURN(const std::string first, ReadText(asked));
  const bool texts = std::string_view(field) == "texts";
  if (!body.Find(field) && body.Find(texts ? "documents" : "texts")) {
    return body.Wrong(
        texts ? "field \"texts\" is missing: /v1/rerank and /v2/rerank take \"documents\""
              : "field \"documents\" is missing: /rerank takes \"texts\"");
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonView documents, body.Get(field));
  MINNOW_RETURN_IF_ERROR(documents.Array());
  if (documents.size() > 0 && first.size() > kMaxPairBytes / documents.size()) {
    return documents.Wrong(std::to_string(documents.size()) + " documents for a query of " +
                           std::to_string(first.size()) + " bytes, limit " +
                           std::to_string(kMaxPairBytes) + " bytes of queries together");
  }
  query.request.field = field;
  query.request.raw_scores = true;
  query.request.inputs.reserve(documents.size());
  for (const JsonView item : documents.Items()) {
    const bool is_object = objects && item.is_object();
    if (!is_object && !item.is_string()) {
      return item.Expected(objects ? "a string or an object with a text" : "a string");
    }
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text,
                            is_object ? item.GetString("text") : item.String());
    query.request.inputs.emplace_back(TextPair{first, std::string(text)});
    if (keeps_texts) query.texts.emplace_back(text);
  }
  return {};
}

Status ReadTopN(const JsonView& body, RerankQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t top_n, body.GetInt("top_n", 1, INT64_MAX, 0));
  query.top_n = static_cast<size_t>(top_n);
  return {};
}

Result<RerankQuery> ReadTei(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  RerankQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetString("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const bool return_text, body.GetBool("return_text", false));
  MINNOW_RETURN_IF_ERROR(ReadDocuments(body, "texts", false, return_text, query));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  MINNOW_ASSIGN_OR_RETURN(query.raw_scores, body.GetBool("raw_scores", false));
  return query;
}

Result<RerankQuery> ReadJina(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  RerankQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const bool return_documents, body.GetBool("return_documents", true));
  MINNOW_RETURN_IF_ERROR(ReadDocuments(body, "documents", true, return_documents, query));
  MINNOW_RETURN_IF_ERROR(ReadTopN(body, query));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

Result<RerankQuery> ReadCohere(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  RerankQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  // Objects are what version 1 of the API took.
  MINNOW_RETURN_IF_ERROR(ReadDocuments(body, "documents", true, false, query));
  MINNOW_RETURN_IF_ERROR(ReadTopN(body, query));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

// Best first, `top_n` of them; `label` is the document's place. By what the head gave, since
// probabilities near 1 are equal sooner.
std::vector<LabelScore> Rank(const RerankQuery& query, const ClassifyAnswer& answer) {
  std::vector<LabelScore> ranked = BestFirst(answer.scores, query.top_n);
  if (query.raw_scores) return ranked;
  for (LabelScore& one : ranked) ApplyScoreFunction(ScoreFunction::kSigmoid, {&one.score, 1});
  return ranked;
}

using RerankRoute = ScoreRoute<RerankQuery, TaskKind::kRerank>;

void WriteResult(const LabelScore& document, const char* score, JsonWriter& json) {
  json.Key("index");
  json.Uint(document.label);
  json.Key(score);
  json.Float(document.score);
}

void WriteTei(const RerankQuery& query, const ModelFacts&, const ClassifyAnswer& answer,
              JsonWriter& json) {
  json.BeginArray();
  for (const LabelScore& document : Rank(query, answer)) {
    json.BeginObject();
    WriteResult(document, "score", json);
    if (!query.texts.empty()) {
      json.Key("text");
      json.String(query.texts[document.label]);
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteJina(const RerankQuery& query, const ModelFacts& facts, const ClassifyAnswer& answer,
               JsonWriter& json) {
  json.BeginObject();
  json.Key("model");
  json.String(facts.model_id);
  json.Key("usage");
  json.BeginObject();
  json.Key("total_tokens");
  json.Uint(Sum(answer.tokens));
  json.EndObject();
  json.Key("results");
  json.BeginArray();
  for (const LabelScore& document : Rank(query, answer)) {
    json.BeginObject();
    WriteResult(document, "relevance_score", json);
    if (!query.texts.empty()) {
      json.Key("document");
      json.BeginObject();
      json.Key("text");
      json.String(query.texts[document.label]);
      json.EndObject();
    }
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

// A UUID of version 4: clients log it.
std::string NewId() {
  static std::atomic<uint64_t> count{std::random_device()()};
  std::mt19937_64 random(count.fetch_add(0x9E3779B97F4A7C15u));
  std::string id;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) id += '-';
    uint64_t digit = random() % 16;
    if (i == 12) digit = 4;
    if (i == 16) digit = 8 + digit % 4;
    id += "0123456789abcdef"[digit];
  }
  return id;
}

void WriteCohere(const RerankQuery& query, const ModelFacts&, const ClassifyAnswer& answer,
                 JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.String(NewId());
  json.Key("results");
  json.BeginArray();
  for (const LabelScore& document : Rank(query, answer)) {
    json.BeginObject();
    WriteResult(document, "relevance_score", json);
    json.EndObject();
  }
  json.EndArray();
  json.Key("meta");
  json.Raw(R"({"api_version":{"version":"2"},"billed_units":{"search_units":1}})");
  json.EndObject();
}

constexpr RerankRoute kTei{.errors = Family::kTei, .read = ReadTei, .write = WriteTei};
constexpr RerankRoute kJina{.errors = Family::kOpenAi, .read = ReadJina, .write = WriteJina};
constexpr RerankRoute kCohere{.errors = Family::kCohere, .read = ReadCohere, .write = WriteCohere};

}  // namespace

void AddRerankRoutes(const ApiContext* context, http::Router& router) {
  for (const auto& [path, route] :
       {std::pair("/rerank", &kTei), {"/v1/rerank", &kJina}, {"/v2/rerank", &kCohere}}) {
    router.Add("POST", path,
               [context, route = route](http::Request request, http::Responder responder) {
                 HandleInference(context, *route, std::move(request), std::move(responder));
               });
  }
}

}  // namespace minnow::api
