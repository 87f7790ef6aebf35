// SPDX-License-Identifier: Apache-2.0
// /indexes/{index}/search and /similar: a query's words and its vector, to hits, and where it is
// asked for, to their order by a reranker.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "api/search/parameters.h"
#include "api/search/rerank_call.h"
#include "api/search/routes.h"
#include "api/search/search_query.h"
#include "api/search/store_call.h"

namespace minnow::api {
namespace {

using Clock = std::chrono::steady_clock;

struct Query {
  SearchRequest request;
  std::optional<std::string> similar_to;
  PromptChoice prompt{PromptChoice::Kind::kQuery, {}};
  std::optional<RerankChoice> rerank;
  ModelLease reranker;  // where `rerank` is
  StoreLease lease;     // where the query's model was found in it
  std::chrono::nanoseconds embedding{0};
  std::chrono::nanoseconds searching{0};

  // Whether the stage has something to do for this page.
  bool reranks() const { return rerank.has_value() && WantsRerank(request, rerank->top_n); }
};

double Milliseconds(std::chrono::nanoseconds time) {
  // Microseconds are enough for people.
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) /
         1000;
}

void WriteScore(const char* name, const std::optional<double>& score, JsonWriter& json) {
  json.Key(name);
  if (score.has_value()) {
    json.Float(static_cast<float>(*score));
  } else {
    json.Null();
  }
}

void WriteHit(const SearchHit& hit, bool rerank, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.String(hit.id);
  json.Key("score");
  json.Float(static_cast<float>(hit.score));
  WriteScore("semantic_score", hit.semantic_score, json);
  WriteScore("lexical_score", hit.lexical_score, json);
  if (rerank) WriteScore("rerank_score", hit.rerank_score, json);
  json.Key("snippet");
  json.String(hit.snippet);
  json.Key("passage");
  json.BeginObject();
  json.Key("begin");
  json.Uint(hit.chunk_begin);
  json.Key("end");
  json.Uint(hit.chunk_end);
  json.EndObject();
  json.Key("document");
  json.Raw(hit.json);
  json.EndObject();
}

void WriteFacets(const SearchAnswer& answer, JsonWriter& json) {
  json.Key("facets");
  json.BeginObject();
  for (const auto& [field, counts] : answer.facets) {
    json.Key(field);
    json.BeginObject();
    for (const auto& [value, count] : counts) {
      json.Key(value);
      json.Uint(count);
    }
    json.EndObject();
  }
  json.EndObject();
}

void WriteRerank(const Query& query, const Reranked& reranked, JsonWriter& json) {
  json.Key("rerank");
  json.BeginObject();
  json.Key("model");
  json.String(query.reranker->facts().model_id);
  json.Key("top_n");
  json.Uint(query.rerank->top_n);
  json.Key("scored");
  json.Uint(reranked.scored);
  json.Key("truncated");
  json.Uint(reranked.truncated);
  json.EndObject();
}

void WriteAnswer(const Query& query, const Reranked& reranked, JsonWriter& json) {
  const SearchAnswer& answer = reranked.answer;
  json.BeginObject();
  if (query.similar_to.has_value()) {
    json.Key("id");
    json.String(*query.similar_to);
  } else {
    json.Key("query");
    json.String(query.request.text);
  }
  json.Key("hits");
  json.BeginArray();
  for (const SearchHit& hit : answer.hits) WriteHit(hit, query.rerank.has_value(), json);
  json.EndArray();
  json.Key("limit");
  json.Uint(query.request.limit);
  json.Key("offset");
  json.Uint(query.request.offset);
  json.Key("estimated_total");
  json.Uint(answer.estimated_total);
  WriteFacets(answer, json);
  if (query.rerank.has_value()) WriteRerank(query, reranked, json);
  json.Key("timings");
  json.BeginObject();
  json.Key("embed_ms");
  json.Double(Milliseconds(query.embedding));
  json.Key("search_ms");
  json.Double(Milliseconds(query.searching));
  if (query.rerank.has_value()) {
    json.Key("rerank_ms");
    json.Double(Milliseconds(reranked.took));
  }
  json.EndObject();
  json.EndObject();
}

void Send(Call& call, const Query& query, const Reranked& reranked) {
  SendJson(call, 200, [&](JsonWriter& json) { WriteAnswer(query, reranked, json); });
}

// On a reading thread, with the query's vector where it has one.
void Answer(const StoreCall& on, const std::shared_ptr<Query>& shared) {
  Query& query = *shared;
  const auto index = on.Index();
  if (index == nullptr) return;
  if (!query.request.vector.empty()) {
    if (Status status = on.service.CheckModel(*on.lease, *index, on.call->model()); !status.ok()) {
      Failure failure = ToStoreFailure(std::move(status).error(), false);
      if (failure.fault == Fault::kInvalidField) failure.fault = Fault::kConflict;
      return on.call->Fail(std::move(failure));
    }
  }
  const Clock::time_point begin = Clock::now();
  Result<SearchAnswer> answer =
      query.similar_to.has_value() ? index->Similar(*query.similar_to, query.request)
      : query.reranks()            ? index->Search(RerankWindow(query.request, query.rerank->top_n))
                                   : index->Search(query.request);
  query.searching = Clock::now() - begin;
  if (!answer.ok()) return on.Fail(std::move(answer).error());
  Metrics& metrics = *on.call->context().metrics;
  metrics.search_count.Add();
  metrics.search_duration.Observe(std::chrono::duration<double>(query.searching).count());
  if (!query.reranks()) return Send(*on.call, query, {.answer = std::move(answer).value()});
  Rerank(on.call, query.reranker, query.request, query.rerank->top_n, std::move(answer).value(),
         [shared](Call& call, const Reranked& reranked) { Send(call, *shared, reranked); });
}

void AnswerOnLane(const std::shared_ptr<Call>& call, std::shared_ptr<Query> query) {
  StoreLease lease = std::move(query->lease);
  OnLane(
      call, Access::kRead, [query = std::move(query)](const StoreCall& on) { Answer(on, query); },
      std::move(lease));
}

// By the model that the call holds.
void Embed(const std::shared_ptr<Call>& call, const std::shared_ptr<Query>& query) {
  EmbedRequest request;
  request.inputs.emplace_back(query->request.text);
  request.field = "q";
  request.prompt = query->prompt;
  const Clock::time_point begin = Clock::now();
  call->model().Run(std::move(request), call->request().client,
                    [call, query, begin](Result<EmbedAnswer> answer) {
                      if (!answer.ok()) return call->Fail(ToFailure(std::move(answer).error()));
                      query->request.vector = std::move(answer->vectors);
                      query->embedding = Clock::now() - begin;
                      AnswerOnLane(call, query);
                    });
}

// Embeds the query's text where it is needed, then searches. Any thread.
void Begin(const std::shared_ptr<Call>& call, std::shared_ptr<Query> query) {
  const bool semantic = query->request.semantic_ratio > 0 && !IsBlankQuery(query->request.text);
  if (query->similar_to.has_value() || !semantic) return AnswerOnLane(call, std::move(query));
  if (auto failure = NotReady(call->context())) return call->Fail(*std::move(failure));
  // With one model alone there is no need to look into the index for its own.
  if (call->context().models->List().size() == 1) {
    if (call->UseModel("", TaskKind::kEmbed)) Embed(call, query);
    return;
  }
  OnLane(call, Access::kRead, [query = std::move(query)](const StoreCall& on) {
    const auto index = on.Index();
    if (index == nullptr) return;
    Result<ModelLease> model = on.service.ModelFor(*on.lease, *index);
    if (!model.ok()) return on.Fail(std::move(model).error());
    on.call->UseModel(std::move(model).value());
    query->lease = on.lease;
    Embed(on.call, query);
  });
}

Result<std::shared_ptr<Query>> ReadQuery(const http::Request& request, bool similar) {
  if (request.method == "POST") MINNOW_RETURN_IF_ERROR(CheckNoParameters(request.query));
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument body, request.method == "POST"
                                                       ? ParseBody(request.body)
                                                       : ParametersAsJson(request.query));
  auto query = std::make_shared<Query>();
  if (similar) {
    MINNOW_ASSIGN_OR_RETURN(SimilarQuery read, ReadSimilarQuery(body.root()));
    query->similar_to = std::move(read.id);
    query->request = std::move(read.request);
  } else {
    MINNOW_ASSIGN_OR_RETURN(query->request, ReadSearchRequest(body.root()));
    MINNOW_RETURN_IF_ERROR(ReadPromptName(body.root(), query->prompt));
    MINNOW_ASSIGN_OR_RETURN(query->rerank, ReadRerank(body.root()));
  }
  return query;
}

// Bodies of queries are small: they are read on the I/O thread.
constexpr size_t kMaxBodyBytes = 128 * 1024;

void Handle(const ApiContext* context, bool similar, http::Request request,
            http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, Family::kSearch, std::move(request), std::move(responder));
  const size_t size = call->request().body.size();
  if (size > kMaxBodyBytes) {
    return call->Fail(
        {Fault::kBatchTooLarge,
         "the body: " + std::to_string(size) + " bytes, limit " + std::to_string(kMaxBodyBytes)});
  }
  Result<std::shared_ptr<Query>> query = ReadQuery(call->request(), similar);
  if (!query.ok()) return call->Fail(ToFailure(std::move(query).error()));
  (*query)->request.max_bytes = context->options.max_answer_bytes;
  if ((*query)->rerank.has_value()) {
    (*query)->reranker = FindReranker(*call, *(*query)->rerank);
    if ((*query)->reranker == nullptr) return;
  }
  Begin(call, std::move(query).value());
}

}  // namespace

void AddQueryRoutes(const ApiContext* context, http::Router& router) {
  for (const bool similar : {false, true}) {
    for (const char* method : {"GET", "POST"}) {
      router.Add(method, similar ? "/indexes/{index}/similar" : "/indexes/{index}/search",
                 [context, similar](http::Request request, http::Responder responder) {
                   Handle(context, similar, std::move(request), std::move(responder));
                 });
    }
  }
}

}  // namespace minnow::api
