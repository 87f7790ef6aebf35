// SPDX-License-Identifier: Apache-2.0
// The routes: which families there are, and what they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/server_counters.h"
#include "http/router.h"
#include "serving/metrics.h"
#include "serving/model_registry.h"
#include "serving/service_status.h"

namespace minnow {
class ImageJobs;
class KuberianService;
class SearchService;
}  // namespace minnow

namespace minnow::api {

struct ApiOptions {
  size_t max_client_batch_size = SIZE_MAX;         // inputs of one TEI request
  size_t max_openai_inputs = 2048;                 // of one OpenAI request
  size_t max_openai_tokens = 300'000;              // of one OpenAI request, all inputs together
  bool allow_foreign_token_ids = false;            // OpenAI: ids without special tokens
  size_t max_documents_bytes = size_t{64} << 20;   // of one request that adds documents
  size_t max_documents = 50'000;                   // of one request
  size_t max_image_bytes = size_t{64} << 20;       // of one request for pictures
  uint64_t max_image_pixels = uint64_t{16} << 20;  // of all pictures of a request; of an image too
  size_t max_answer_bytes = size_t{64} << 20;  // documents of one page; one alone may be as long
};

// What handlers work with. It outlives the server whose router holds them.
struct ApiContext {
  const ModelRegistry* models = nullptr;
  const ServiceStatus* status = nullptr;
  WorkLane* aside = nullptr;  // for bodies that take long to read or write
  Metrics* metrics = nullptr;
  std::shared_ptr<MemoryBudget> memory = nullptr;  // null: no limit, and its metrics are left out
  std::shared_ptr<const ServerCounters> server = nullptr;
  ApiOptions options = {};
  ImageJobs* image_jobs = nullptr;      // null: their routes are not
  SearchService* search = nullptr;      // null: no store is served
  KuberianService* kuberian = nullptr;  // null: Kuberian's routes are not; needs `search`
};

// POST /v1/embeddings (and /embeddings), GET /v1/models, /v1/models/{name}.
void AddOpenAiRoutes(const ApiContext* context, http::Router& router);
// POST /rerank (TEI), /v1/rerank (Jina), /v2/rerank (Cohere).
void AddRerankRoutes(const ApiContext* context, http::Router& router);
// POST /v1/classify; /models/{name} (the shape of Hugging Face's inference); /process (the language
// detection service of CodeNLP).
void AddClassifyRoutes(const ApiContext* context, http::Router& router);
// POST /v1/token-classify, /v1/answer.
void AddTokenRoutes(const ApiContext* context, http::Router& router);
// POST /v1/fill-mask.
void AddFillMaskRoutes(const ApiContext* context, http::Router& router);
// POST /v1/zero-shot.
void AddZeroShotRoutes(const ApiContext* context, http::Router& router);
// POST /embed (and POST /), /embed_all, /similarity, /predict, /tokenize, /decode; GET /info.
void AddTeiRoutes(const ApiContext* context, http::Router& router);
// POST /generate, /generate_stream (text-generation-inference), /v1/completions (OpenAI),
// /api/generate (Ollama), /v2/models/{name}/generate (KServe), /pipeline/{task}/{name} (Hugging
// Face); GET /api/tags, /api/version.
void AddGenerateRoutes(const ApiContext* context, http::Router& router);
// POST /v1/images/generations, /v1/images/edits (OpenAI), /superlabs_diffusion/v1/img2img;
// /sdapi/v1/... (the A1111 web UI), /sdcpp/v1/... (stable-diffusion.cpp).
void AddImageRoutes(const ApiContext* context, http::Router& router);
// The documents API: /indexes, /indexes/{name}/documents, /indexes/{name}/search, /tasks, ...
// REQUIRES: context->search is set.
void AddSearchRoutes(const ApiContext* context, http::Router& router);
// GET /healthz, /q/{query}, /dirs/..., /docs/{id}; returns the handler of GET / for programs.
// REQUIRES: context->kuberian is set.
http::Handler AddKuberianRoutes(const ApiContext* context, http::Router& router);
// GET /health, /livez, /readyz, /ping, /metrics.
void AddHealthRoutes(const ApiContext* context, http::Router& router);
// GET /openapi.json, and /docs, whose paths are Kuberian's where that is served: open, as they tell
// nothing of what is served.
void AddApiDescription(bool with_docs, http::Router& router);
// GET / (the page for browsers), /assets/..., /favicon.ico: open, as they tell nothing of what is
// served. Where `json_root` is given, it answers GET / to clients that do not ask for HTML first.
void AddPageRoutes(http::Router& router, http::Handler json_root = {});

// All of them.
void AddRoutes(const ApiContext* context, http::Router& router);

}  // namespace minnow::api
