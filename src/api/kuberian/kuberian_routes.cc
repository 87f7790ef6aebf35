// SPDX-License-Identifier: Apache-2.0
// Kuberian's six routes, as its own server answers them:
// https://github.com/iwanhae/Kuberian/blob/2b6a25a/searcher/src/server/handler.rs
#include <algorithm>
#include <charconv>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "api/kuberian/function_json.h"
#include "api/routes.h"
#include "api/search/parameters.h"
#include "api/search/store_call.h"
#include "http/access.h"
#include "serving/kuberian/kuberian_service.h"

namespace minnow::api {
namespace {

constexpr const char* kDirs = "/dirs/kubernetes/kubernetes/v1.27.4";
constexpr size_t kHits = 10;
constexpr size_t kSamples = 10;
constexpr uint64_t kDefaultLimit = 10;

// What a handler works with, on a reading thread.
struct KuberianCall {
  const StoreCall& on;
  SearchIndex& index;
  const KuberianCatalog& catalog;

  Call& call() const { return *on.call; }
};
using KuberianStep = std::function<void(const KuberianCall&)>;

void Run(const ApiContext* context, std::shared_ptr<Call> call, KuberianStep step) {
  KuberianService* const kuberian = context->kuberian;
  if (!kuberian->ready()) return call->Fail({Fault::kNotReady, "loading"});
  OnLane(std::move(call), Access::kRead, [kuberian, step = std::move(step)](const StoreCall& on) {
    const auto index = kuberian->Index();
    if (!index.ok()) return on.Fail(index.error());
    const auto catalog = kuberian->Catalog();
    if (!catalog.ok()) return on.Fail(catalog.error());
    step({on, **index, **catalog});
  });
}

void NotFound(Call& call) { call.Fail({Fault::kNotFound, "Not Found :-("}); }

// Calls `each` for those that are there; false: the store or `each` failed, and the request is
// answered.
bool ForEachFunction(const KuberianCall& k, const std::vector<uint64_t>& numbers,
                     const std::function<Status(uint64_t, const JsonView&)>& each) {
  std::vector<std::string> ids;
  ids.reserve(numbers.size());
  for (const uint64_t number : numbers) ids.push_back(std::to_string(number));
  const Status status =
      k.index.Visit(ids, [&each](std::string_view id, std::string_view json) -> Status {
        uint64_t number = 0;
        ParseFunctionId(id, number);
        MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, ""));
        return each(number, document.root());
      });
  if (!status.ok()) k.on.Fail(status.error());
  return status.ok();
}

void Root(const KuberianCall& k) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::vector<std::string> samples;
  const bool read = ForEachFunction(k, k.catalog.Sample(kSamples, random),
                                    [&samples](uint64_t, const JsonView& document) -> Status {
                                      const auto summary = document.GetString("summary", "");
                                      if (summary.ok()) samples.emplace_back(*summary);
                                      return {};
                                    });
  if (!read) return;
  SendJson(k.call(), 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("total");
    json.Uint(k.catalog.total());
    json.Key("analyzed");
    json.Uint(k.catalog.analyzed());
    json.Key("samples");
    json.BeginArray();
    for (const std::string& sample : samples) json.String(sample);
    json.EndArray();
    json.EndObject();
  });
}

void Files(const KuberianCall& k) {
  SendJson(k.call(), 200, [&](JsonWriter& json) {
    json.BeginArray();
    for (const std::string& file : k.catalog.files()) json.String(file);
    json.EndArray();
  });
}

struct Paging {
  uint64_t offset = 0;
  uint64_t limit = kDefaultLimit;
};

Result<Paging> ReadPaging(std::string_view query) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<http::Header> parameters, ReadParameters(query));
  Paging paging;
  std::string seen;
  for (const http::Header& parameter : parameters) {
    if (parameter.name != "offset" && parameter.name != "limit") continue;
    const char* const end = parameter.value.data() + parameter.value.size();
    uint64_t& value = parameter.name == "offset" ? paging.offset : paging.limit;
    const auto [parsed, error] = std::from_chars(parameter.value.data(), end, value);
    if (error != std::errc() || parsed != end || seen == parameter.name || seen == "both") {
      return Error{Code::kInvalidArgument, parameter.name +
                                               ": expected one number of 64 bits, got " +
                                               QuoteForMessage(parameter.value)};
    }
    seen = seen.empty() ? parameter.name : "both";
  }
  return paging;
}

void FunctionsInFiles(const KuberianCall& k) {
  const Result<Paging> paging = ReadPaging(k.call().request().query);
  if (!paging.ok()) return k.on.Fail(paging.error());
  const std::string prefix(k.call().request().Parameter("prefix"));
  http::Response response;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("query");
  json.String(prefix);
  json.Key("docs");
  json.BeginArray();
  const size_t limit = k.call().context().options.max_answer_bytes;
  const bool read = ForEachFunction(k, k.catalog.InFiles(prefix, paging->offset, paging->limit),
                                    [&](uint64_t id, const JsonView& document) -> Status {
                                      WriteFunction(id, document, false, json);
                                      if (response.body.size() <= limit) return {};
                                      return Error{Code::kInvalidArgument,
                                                   "limit: the answer would hold more than " +
                                                       std::to_string(limit) +
                                                       " bytes; ask for fewer documents at once"};
                                    });
  if (!read) return;
  json.EndArray();
  json.Key("results");
  json.Null();
  json.EndObject();
  k.call().Finish(std::move(response));
}

void OneFunction(const KuberianCall& k) {
  uint64_t id = 0;
  if (!ParseFunctionId(k.call().request().Parameter("id"), id)) return NotFound(k.call());
  bool there = false;
  const bool read = ForEachFunction(k, {id}, [&](uint64_t, const JsonView& document) -> Status {
    there = true;
    SendJson(k.call(), 200, [&](JsonWriter& json) { WriteFunction(id, document, true, json); });
    return {};
  });
  if (read && !there) NotFound(k.call());
}

struct Found {
  uint64_t id;
  float score;
  JsonDocument document;
};

Result<std::vector<Found>> Nearest(const KuberianCall& k, std::vector<float> vector) {
  SearchRequest request;
  request.vector = std::move(vector);
  request.semantic_ratio = 1;
  request.limit = kHits;
  request.highlight = false;
  request.attributes_given = true;
  request.attributes = {"id", "name", "signature", "file", "line", "summary"};
  MINNOW_ASSIGN_OR_RETURN(const SearchAnswer answer, k.index.Search(request));
  std::vector<Found> found;
  for (const SearchHit& hit : answer.hits) {
    uint64_t id = 0;
    if (!ParseFunctionId(hit.id, id)) continue;
    MINNOW_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(hit.json, ""));
    found.push_back(
        {id, static_cast<float>(hit.semantic_score.value_or(hit.score)), std::move(document)});
  }
  return found;
}

void Search(const KuberianCall& k, std::vector<float> vector) {
  if (Status status = k.on.service.CheckModel(*k.on.lease, k.index, k.call().model());
      !status.ok()) {
    return k.on.Fail(std::move(status).error());
  }
  const auto found = Nearest(k, std::move(vector));
  if (!found.ok()) return k.on.Fail(found.error());
  std::vector<const Found*> by_id;
  for (const Found& hit : *found) by_id.push_back(&hit);
  std::sort(by_id.begin(), by_id.end(), [](auto* a, auto* b) { return a->id < b->id; });
  k.call().context().metrics->search_count.Add();
  SendJson(k.call(), 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("query");
    json.String(k.call().request().Parameter("query"));
    json.Key("docs");
    json.BeginArray();
    for (const Found* hit : by_id) WriteFunction(hit->id, hit->document.root(), false, json);
    json.EndArray();
    json.Key("results");
    json.BeginArray();
    for (const Found& hit : *found) {
      json.BeginObject();
      json.Key("id");
      json.Uint(hit.id);
      json.Key("score");
      json.Raw(FormatScore(hit.score));
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  });
}

void EmbedAndSearch(const ApiContext* context, const std::shared_ptr<Call>& call) {
  if (!context->kuberian->ready()) return call->Fail({Fault::kNotReady, "loading"});
  EmbedRequest request;
  request.inputs.emplace_back(std::string(call->request().Parameter("query")));
  request.field = "query";
  request.prompt.kind = PromptChoice::Kind::kQuery;
  if (!call->UseModel("", TaskKind::kEmbed)) return;
  call->model().Run(
      std::move(request), call->request().client, [context, call](Result<EmbedAnswer> answer) {
        if (!answer.ok()) return call->Fail(ToFailure(std::move(answer).error()));
        auto vector = std::make_shared<std::vector<float>>(std::move(answer->vectors));
        Run(context, call, [vector](const KuberianCall& k) { Search(k, std::move(*vector)); });
      });
}

std::shared_ptr<Call> NewCall(const ApiContext* context, http::Request request,
                              http::Responder responder) {
  return std::make_shared<Call>(context, Family::kKuberian, std::move(request),
                                std::move(responder));
}

http::Handler OnReader(const ApiContext* context, KuberianStep step) {
  return [context, step = std::move(step)](http::Request request, http::Responder responder) {
    Run(context, NewCall(context, std::move(request), std::move(responder)), step);
  };
}

}  // namespace

http::Handler AddKuberianRoutes(const ApiContext* context, http::Router& router) {
  router.Add("GET", "/healthz",
             [context](http::Request, http::Responder responder) {
               http::Response response = http::PlainResponse(503, "loading");
               if (context->kuberian->ready()) response = {.status = 200, .body = "ok"};
               responder.Send(std::move(response));
             },
             {.open = true});
  // Kuberian's own page sends summaries that are not encoded.
  const http::RouteOptions as_it_is{.lone_percent = true};
  router.Add(
      "GET", "/q/{query}",
      [context](http::Request request, http::Responder responder) {
        EmbedAndSearch(context, NewCall(context, std::move(request), std::move(responder)));
      },
      as_it_is);
  router.Add("GET", kDirs, OnReader(context, Files));
  router.Add("GET", std::string(kDirs) + "/{prefix*}", OnReader(context, FunctionsInFiles),
             as_it_is);
  router.Add("GET", "/docs/{id}", OnReader(context, OneFunction), as_it_is);
  // The page at / is open to everybody, its data are not.
  return [root = OnReader(context, Root)](http::Request request, http::Responder responder) {
    if (!request.authorized) {
      return responder.Send(RefusalResponse("/", 401, http::kKeyNeeded));
    }
    root(std::move(request), std::move(responder));
  };
}

}  // namespace minnow::api
