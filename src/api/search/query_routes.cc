// SPDX-License-Identifier: Apache-2.0
// /indexes/{index}/search and /similar: a query's words and its vector, to hits.
#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "api/search/parameters.h"
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
  std::chrono::nanoseconds embedding{0};
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

void WriteHit(const SearchHit& hit, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.String(hit.id);
  json.Key("score");
  json.Float(static_cast<float>(hit.score));
  WriteScore("semantic_score", hit.semantic_score, json);
  WriteScore("lexical_score", hit.lexical_score, json);
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

void WriteAnswer(const Query& query, const SearchAnswer& answer, std::chrono::nanoseconds searching,
                 JsonWriter& json) {
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
  for (const SearchHit& hit : answer.hits) WriteHit(hit, json);
  json.EndArray();
  json.Key("limit");
  json.Uint(query.request.limit);
  json.Key("offset");
  json.Uint(query.request.offset);
  json.Key("estimated_total");
  json.Uint(answer.estimated_total);
  WriteFacets(answer, json);
  json.Key("timings");
  json.BeginObject();
  json.Key("embed_ms");
  json.Double(Milliseconds(query.embedding));
  json.Key("search_ms");
  json.Double(Milliseconds(searching));
  json.EndObject();
  json.EndObject();
}

// On a reading thread, with the query's vector where it has one.
void Answer(const StoreCall& on, const Query& query) {
  const auto index = on.Index();
  if (index == nullptr) return;
  if (!query.request.vector.empty()) {
    if (Status status = on.service.CheckModel(*index, on.call->model()); !status.ok()) {
      Failure failure = ToStoreFailure(std::move(status).error(), false);
      if (failure.fault == Fault::kInvalidField) failure.fault = Fault::kConflict;
      return on.call->Fail(std::move(failure));
    }
  }
  const Clock::time_point begin = Clock::now();
  const Result<SearchAnswer> answer = query.similar_to.has_value()
                                          ? index->Similar(*query.similar_to, query.request)
                                          : index->Search(query.request);
  const std::chrono::nanoseconds searching = Clock::now() - begin;
  if (!answer.ok()) return on.Fail(answer.error());
  Metrics& metrics = *on.call->context().metrics;
  metrics.search_count.Add();
  metrics.search_duration.Observe(std::chrono::duration<double>(searching).count());
  SendJson(*on.call, 200, [&](JsonWriter& json) { WriteAnswer(query, *answer, searching, json); });
}

void AnswerOnLane(const std::shared_ptr<Call>& call, std::shared_ptr<Query> query) {
  OnLane(call, Access::kRead,
         [query = std::move(query)](const StoreCall& on) { Answer(on, *query); });
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
    Result<ModelLease> model = on.service.ModelFor(*index);
    if (!model.ok()) return on.Fail(std::move(model).error());
    on.call->UseModel(std::move(model).value());
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
