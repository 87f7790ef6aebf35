// SPDX-License-Identifier: Apache-2.0
// The paths of routes that generate text.
#include "api/routes.h"

#include <memory>
#include <string>
#include <utility>

#include "api/generate/generate_call.h"
#include "api/generate/named.h"
#include "api/generate/wires.h"

namespace minnow::api {
namespace {

using Read = Result<GenerateQuery> (*)(const JsonView& body);

void HandleKserve(const ApiContext* context, bool stream, http::Request request,
                  http::Responder responder) {
  const std::string name(request.Parameter("name"));
  const std::string version(request.Parameter("version"));
  auto call =
      std::make_shared<Call>(context, Family::kOllama, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [name, version, stream](Call& c) {
    const auto document = c.Parse();
    if (!document.has_value()) return;
    auto query = ReadKserve(document->root(), name, version, stream);
    if (!query.ok()) return c.Fail(ToFailure(std::move(query).error()));
    SubmitGenerate(c, std::move(query).value());
  });
}

// POST /pipeline/{task}/{name}: a model's task by its name.
void HandlePipeline(const ApiContext* context, http::Request request, http::Responder responder) {
  const std::string name(request.Parameter("name"));
  const std::string task(request.Parameter("task"));
  auto call =
      std::make_shared<Call>(context, Family::kTei, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [name, task](Call& c) {
    const auto document = c.Parse();
    if (!document.has_value() || !c.UseModel(name, TaskKind::kGenerate)) return;
    SubmitText(c, document->root(), name, task);
  });
}

}  // namespace

void HandleTextRoot(const ApiContext* context, http::Request request, http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, Family::kTei, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [](Call& c) {
    const auto document = c.Parse();
    if (!document.has_value()) return;
    const Result<std::string_view> name = document->root().GetName("model", "");
    if (!name.ok()) return c.Fail(ToFailure(name.error()));
    if (!c.UseModel(*name, TaskKind::kGenerate)) return;
    SubmitText(c, document->root(), std::string(*name));
  });
}

void AddGenerateRoutes(const ApiContext* context, http::Router& router) {
  const auto add = [&](const char* path, Family errors, Read read) {
    router.Add("POST", path,
               [context, errors, read](http::Request request, http::Responder responder) {
                 HandleGenerate(context, errors, read, std::move(request), std::move(responder));
               });
  };
  add("/generate", Family::kTgi, ReadTgiGenerate);
  add("/generate_stream", Family::kTgi, ReadTgiGenerateStream);
  add("/v1/completions", Family::kOpenAi, ReadCompletion);
  add("/openai/v1/completions", Family::kOpenAi, ReadCompletion);
  AddOllamaRoutes(context, router);
  for (const auto& [end, stream] : {std::pair("/generate", false), {"/generate_stream", true}}) {
    for (const char* model : {"/v2/models/{name}", "/v2/models/{name}/versions/{version}"}) {
      router.Add("POST", std::string(model) + end,
                 [context, stream = stream](http::Request request, http::Responder responder) {
                   HandleKserve(context, stream, std::move(request), std::move(responder));
                 });
    }
  }
  router.Add("POST", "/pipeline/{task}/{name*}",
             [context](http::Request request, http::Responder responder) {
               HandlePipeline(context, std::move(request), std::move(responder));
             });
}

}  // namespace minnow::api
