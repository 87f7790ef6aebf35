// SPDX-License-Identifier: Apache-2.0
// Probes and metrics. None of them computes or waits: inference never blocks a probe.
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "api/errors.h"
#include "api/routes.h"
#include "serving/image_jobs.h"
#include "serving/kuberian/kuberian_service.h"
#include "serving/search_service.h"

namespace minnow::api {
namespace {

http::Response TextResponse(std::string body) {
  http::Response response;
  response.body = std::move(body);
  return response;
}

// Why a replica has no generation yet; nothing where it has one.
std::optional<std::string> WithoutSnapshot(const ApiContext& context) {
  if (context.search == nullptr || context.search->replica() == nullptr) return std::nullopt;
  const ReplicaStatus::View view = context.search->replica()->Get();
  if (view.generation > 0) return std::nullopt;
  return "no snapshot yet" + (view.problem.empty() ? "" : ": " + view.problem);
}

// TEI's /health: 200 while requests are served, otherwise its error body.
http::Response Health(const ApiContext& context) {
  const ServiceStatus::Snapshot status = context.status->Get();
  switch (status.state) {
    case ServiceState::kReady:
    case ServiceState::kDraining:
      if (auto why = WithoutSnapshot(context)) {
        return ErrorResponse(Family::kTei, {Fault::kNotReady, *std::move(why)});
      }
      return TextResponse("ok\n");
    case ServiceState::kLoading:
      return ErrorResponse(Family::kTei, {Fault::kNotReady, "the model is being loaded"});
    case ServiceState::kFailed:
      break;
  }
  return ErrorResponse(Family::kTei, {Fault::kNotReady, status.message});
}

http::Response Ready(const ApiContext& context) {
  const ServiceStatus::Snapshot status = context.status->Get();
  switch (status.state) {
    case ServiceState::kReady:
      if (context.kuberian != nullptr && !context.kuberian->ready()) {
        return http::PlainResponse(503, "loading");
      }
      if (context.search != nullptr && context.search->replica() != nullptr) {
        if (const auto why = WithoutSnapshot(context)) {
          return http::PlainResponse(503, "loading: " + *why);
        }
        const int64_t generation = context.search->replica()->Get().generation;
        return TextResponse("ready\ngeneration " + std::to_string(generation) + "\n");
      }
      return TextResponse("ready\n");
    case ServiceState::kLoading:
      return http::PlainResponse(503, "loading");
    case ServiceState::kDraining:
      return http::PlainResponse(503, "draining");
    case ServiceState::kFailed:
      break;
  }
  return http::PlainResponse(503, status.message);
}

http::Response MetricsText(const ApiContext& context) {
  MetricsGauges gauges;
  for (const ModelLease& model : context.models->List()) {
    const ModelLoad load = model->load();
    gauges.queue_size += load.inputs;
    if (model->facts().task == TaskKind::kGenerate) gauges.generate_inputs += load.inputs;
    if (model->facts().task == TaskKind::kImage) gauges.image_requests += load.inputs;
    gauges.expected_wait = std::max(gauges.expected_wait, load.expected_wait);
    gauges.refusals += load.refusals;
  }
  if (context.image_jobs != nullptr) context.image_jobs->Expire();  // they hold memory
  gauges.memory = context.memory.get();
  gauges.ready = context.status->Get().state == ServiceState::kReady;
  gauges.server = context.server.get();
  if (context.search != nullptr && context.search->replica() != nullptr) {
    gauges.replica = context.search->replica()->Get();
  }
  http::Response response = TextResponse(context.metrics->Render(gauges));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

// For routes that need what this server was started without: 404 that says what that is.
void AddUnserved(Family family, std::initializer_list<const char*> paths, const char* why,
                 http::Router& router) {
  const auto answer = [family, why](http::Request, http::Responder responder) {
    responder.Send(ErrorResponse(family, {Fault::kNotFound, why}));
  };
  for (const char* path : paths) {
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
      router.Add(method, path, answer, {.listed = false});
    }
  }
}

}  // namespace

void AddHealthRoutes(const ApiContext* context, http::Router& router) {
  const auto add = [&router](const char* path, bool open, auto answer) {
    router.Add("GET", path,
               [answer](http::Request, http::Responder responder) { responder.Send(answer()); },
               {.open = open});
  };
  add("/health", true, [context] { return Health(*context); });
  add("/livez", true, [] { return TextResponse("ok\n"); });
  add("/readyz", true, [context] { return Ready(*context); });
  add("/ping", true, [context] { return Ready(*context); });  // SageMaker's
  add("/metrics", false, [context] { return MetricsText(*context); });
}

void AddRoutes(const ApiContext* context, http::Router& router) {
  AddOpenAiRoutes(context, router);
  AddTeiRoutes(context, router);
  AddRerankRoutes(context, router);
  AddClassifyRoutes(context, router);
  AddTokenRoutes(context, router);
  AddFillMaskRoutes(context, router);
  AddZeroShotRoutes(context, router);
  AddGenerateRoutes(context, router);
  AddImageRoutes(context, router);
  AddHealthRoutes(context, router);
  AddApiDescription(context->kuberian == nullptr, router);
  if (context->search != nullptr) {
    AddSearchRoutes(context, router);
  } else {
    AddUnserved(Family::kSearch, {"/indexes", "/indexes/{rest*}", "/tasks", "/tasks/{rest*}"},
                "no index is served here: start the server with --index FILE", router);
  }
  http::Handler json_root;
  if (context->kuberian != nullptr) {
    json_root = AddKuberianRoutes(context, router);
  } else {
    AddUnserved(Family::kKuberian, {"/q", "/q/{rest*}", "/dirs/{rest*}", "/docs/{rest*}"},
                "Kuberian's API is not served here: start the server with --kuberian FILE", router);
  }
  AddPageRoutes(router, std::move(json_root));
}

}  // namespace minnow::api
