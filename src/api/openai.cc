// SPDX-License-Identifier: Apache-2.0
// OpenAI's routes: POST /v1/embeddings and GET /v1/models.
// https://platform.openai.com/docs/api-reference/embeddings
#include <span>
#include <utility>

#include "api/embed_call.h"
#include "api/routes.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

void WriteEmbeddings(const EmbeddingQuery& query, const ModelFacts& facts,
                     const EmbedAnswer& answer, size_t dimensions, std::string& body) {
  JsonWriter json(&body);
  std::string text;
  json.BeginObject();
  json.Key("object");
  json.String("list");
  json.Key("data");
  json.BeginArray();
  for (size_t i = 0; i < answer.tokens.size(); ++i) {
    const std::span<const float> vector(answer.vectors.data() + i * dimensions, dimensions);
    json.BeginObject();
    json.Key("object");
    json.String("embedding");
    json.Key("index");
    json.Uint(i);
    json.Key("embedding");
    if (query.base64) {
      text = '"';
      AppendBase64(vector, text);
      text += '"';
      json.Raw(text);
    } else {
      json.Floats(vector);
    }
    json.EndObject();
  }
  json.EndArray();
  json.Key("model");
  json.String(facts.model_id);
  WriteUsage(Sum(answer.tokens), json);
  json.EndObject();
}

constexpr EmbedFamily kOpenAiEmbed{.errors = Family::kOpenAi,
                                   .read = ReadOpenAiEmbed,
                                   .max_inputs = &ApiOptions::max_openai_inputs,
                                   .limit_total_tokens = true,
                                   .write = WriteEmbeddings};

void WriteModel(const ModelFacts& facts, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.String(facts.model_id);
  json.Key("object");
  json.String("model");
  json.Key("created");
  json.Int(facts.loaded_unix_seconds);
  json.Key("owned_by");
  json.String("minnow");
  json.EndObject();
}

// An empty list before a model is loaded: a client that only looks must not fail.
http::Response ListModels(const ModelRegistry& models) {
  http::Response response;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("object");
  json.String("list");
  json.Key("data");
  json.BeginArray();
  for (const ModelLease& model : models.List()) WriteModel(model->facts(), json);
  json.EndArray();
  json.EndObject();
  return response;
}

http::Response ShowModel(const ApiContext& context, const std::string& name) {
  if (const auto failure = NotReady(context)) return ErrorResponse(Family::kOpenAi, *failure);
  Result<ModelLease> model = context.models->FindByName(name);
  if (!model.ok()) {
    return ErrorResponse(Family::kOpenAi, ToFailure(std::move(model).error()));
  }
  http::Response response;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  WriteModel((*model)->facts(), json);
  return response;
}

}  // namespace

void AddOpenAiRoutes(const ApiContext* context, http::Router& router) {
  for (const char* path : {"/v1/embeddings", "/embeddings"}) {
    router.Add("POST", path, [context](http::Request request, http::Responder responder) {
      HandleInference(context, kOpenAiEmbed, std::move(request), std::move(responder));
    });
  }
  router.Add("GET", "/v1/models", [context](http::Request, http::Responder responder) {
    responder.Send(ListModels(*context->models));
  });
  // The name may have slashes, encoded or not.
  router.Add("GET", "/v1/models/{name*}",
             [context](http::Request request, http::Responder responder) {
               std::string_view name = request.Parameter("name");
               while (name.ends_with('/')) name.remove_suffix(1);
               responder.Send(name.empty() ? ListModels(*context->models)
                                           : ShowModel(*context, std::string(name)));
             });
}

}  // namespace minnow::api
