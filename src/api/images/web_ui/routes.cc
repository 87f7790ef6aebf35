// SPDX-License-Identifier: Apache-2.0
// The A1111 web UI's API: /sdapi/v1/*.
#include <memory>
#include <string>
#include <utility>

#include "api/generate/fields.h"
#include "api/images/image_call.h"
#include "api/images/picture_body.h"
#include "api/images/web_ui/override_settings.h"
#include "api/images/web_ui/request.h"
#include "api/images/web_ui/run.h"
#include "api/images/web_ui/samplers.h"
#include "api/images/web_ui/state.h"
#include "api/images/wires.h"
#include "base/process_usage.h"
#include "image/parameters.h"

namespace minnow::api {
namespace {

using State = std::shared_ptr<WebUiState>;
constexpr const char* kPrefix = "/sdapi/v1/";

http::Response JsonResponse(std::string body) {
  http::Response response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

template <class Write>
http::Response WriteResponse(const Write& write) {
  std::string body;
  JsonWriter json(&body);
  write(json);
  return JsonResponse(std::move(body));
}

// Clients write a checkpoint as the web UI shows it: with its file's ending, or its hash.
std::string ModelName(const ModelRegistry& models, std::string name) {
  for (const std::string_view end : {"]", ".safetensors", ".ckpt"}) {
    if (models.FindByName(name).ok() || !name.ends_with(end)) continue;
    const size_t at = end == "]" ? name.rfind(" [") : name.size() - end.size();
    if (at != std::string::npos) name.resize(at);
  }
  return name;
}

void MakePictures(Call& call, const State& state, bool from_image) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  auto query = (from_image ? ReadImageToImage : ReadTextToImage)(document->root());
  if (!query.ok()) return call.Fail(ToFailure(std::move(query).error()));
  std::string name = ModelName(*call.context().models, query->model);
  if (name.empty()) name = state->model();
  if (!call.UseModel(name, TaskKind::kImage)) return;
  WebUiRun::Start(call, std::move(query).value(), state,
                  from_image ? "scripts_img2img" : "scripts_txt2img");
}

void WriteState(const WebUiState::Progress& progress, JsonWriter& json) {
  json.BeginObject();
  json.Key("skipped");
  json.Bool(progress.skipped);
  json.Key("interrupted");
  json.Bool(progress.interrupted);
  json.Key("stopping_generation");
  json.Bool(false);
  Put(json, "job", progress.job);
  PutUint(json, "job_count", progress.rounds);
  Put(json, "job_timestamp", progress.timestamp);
  PutUint(json, "job_no", progress.round);
  PutUint(json, "sampling_step", progress.step);
  PutUint(json, "sampling_steps", progress.steps);
  json.EndObject();
}

bool SkipsCurrentImage(std::string_view query) {
  for (const char* yes :
       {"skip_current_image=true", "skip_current_image=1", "skip_current_image=True"}) {
    if (query.find(yes) != std::string_view::npos) return true;
  }
  return false;
}

// A preview is made into a file here.
void TellProgress(Call& call, const WebUiState& state) {
  const WebUiState::Progress progress = state.Current();
  call.Finish(WriteResponse([&](JsonWriter& json) {
    json.BeginObject();
    json.Key("progress");
    json.Double(progress.share());
    json.Key("eta_relative");
    json.Double(progress.eta_seconds());
    json.Key("state");
    WriteState(progress, json);
    const bool shown = progress.preview != nullptr && !SkipsCurrentImage(call.request().query);
    const auto text = shown ? EncodeBase64(*progress.preview, {}) : std::string();
    if (text.ok() && !text->empty()) {
      Put(json, "current_image", *text);
    } else {
      PutNull(json, "current_image");
    }
    PutNull(json, "textinfo");
    json.EndObject();
  }));
}

void WriteSamplers(JsonWriter& json) {
  json.BeginArray();
  for (const WebUiSampler& sampler : WebUiSamplers()) {
    json.BeginObject();
    Put(json, "name", sampler.name);
    json.Key("aliases");
    json.BeginArray();
    json.String(sampler.alias);
    json.EndArray();
    json.Key("options");
    json.BeginObject();
    if (sampler.karras_by_itself) Put(json, "scheduler", "karras");
    if (sampler.ours == "heun") Put(json, "second_order", "true");
    json.EndObject();
    json.EndObject();
  }
  json.EndArray();
}

void WriteSchedulers(JsonWriter& json) {
  json.BeginArray();
  for (const WebUiScheduler& scheduler : WebUiSchedulers()) {
    json.BeginObject();
    Put(json, "name", scheduler.name);
    Put(json, "label", scheduler.label);
    PutNull(json, "aliases");
    json.Key("default_rho");
    json.Double(scheduler.name == "karras" ? 7 : -1);
    json.Key("need_inner_model");
    json.Bool(false);
    json.EndObject();
  }
  json.EndArray();
}

void WriteModels(const ModelRegistry& models, JsonWriter& json) {
  json.BeginArray();
  for (const ModelLease& model : models.List()) {
    const ModelFacts& facts = model->facts();
    if (facts.task != TaskKind::kImage) continue;
    json.BeginObject();
    Put(json, "title", facts.model_id);
    Put(json, "model_name", facts.model_id);
    for (const char* name : {"hash", "sha256", "config"}) PutNull(json, name);
    Put(json, "filename", facts.model_id);
    json.EndObject();
  }
  json.EndArray();
}

void WriteOptions(const ModelRegistry& models, const WebUiState& state, JsonWriter& json) {
  const auto model = models.Find(state.model(), TaskKind::kImage);
  json.BeginObject();
  Put(json, "samples_format", "png");
  if (model.ok()) {
    Put(json, "sd_model_checkpoint", (*model)->facts().model_id);
  } else {
    PutNull(json, "sd_model_checkpoint");
  }
  PutNull(json, "sd_checkpoint_hash");
  Put(json, "sd_vae", "Automatic");
  PutUint(json, "CLIP_stop_at_last_layers", 1);
  PutUint(json, "jpeg_quality", static_cast<uint64_t>(WebUiOverrides().quality));
  PutUint(json, "eta_ddim", 0);
  PutUint(json, "eta_ancestral", 1);
  PutUint(json, "eta_noise_seed_delta", 0);
  for (const char* name : {"img2img_fix_steps", "img2img_color_correction", "return_grid"}) {
    json.Key(name);
    json.Bool(false);
  }
  json.EndObject();
}

// The model is the one setting that lasts; others go with each request.
void SetOptions(Call& call, const State& state) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  const JsonView body = document->root();
  WebUiOverrides options;
  Status status =
      body.Object().ok() ? ReadOverrideSettings(body, options) : Status(body.Expected("an object"));
  if (status.ok() && options.clip_skip > 0)
    status = body.Find("CLIP_stop_at_last_layers")->Wrong("say it in override_settings");
  if (status.ok() && options.format != ImageFormat::kPng)
    status = body.Find("samples_format")->Wrong("say it in override_settings");
  if (status.ok() && options.quality != WebUiOverrides().quality)
    status = body.Find("jpeg_quality")->Wrong("say it in override_settings");
  if (!status.ok()) return call.Fail(ToFailure(status.error()));
  if (!options.model.empty()) {
    const std::string name = ModelName(*call.context().models, options.model);
    if (!call.UseModel(name, TaskKind::kImage)) return;
    state->SetModel(call.facts().model_id);
  }
  call.Finish(JsonResponse("null"));
}

void WriteMemory(const MemoryBudget* budget, JsonWriter& json) {
  const uint64_t used = budget != nullptr ? budget->used() : ReadProcessUsage().resident_bytes;
  const bool limited = budget != nullptr && budget->limit() != MemoryBudget::kNoLimit;
  json.BeginObject();
  json.Key("ram");
  json.BeginObject();
  PutUint(json, "free", limited && budget->limit() > used ? budget->limit() - used : 0);
  PutUint(json, "used", used);
  PutUint(json, "total", limited ? budget->limit() : used);
  json.EndObject();
  json.Key("cuda");
  json.BeginObject();
  Put(json, "error", "unavailable");
  json.EndObject();
  json.EndObject();
}

// The text that a picture carries, and its parts.
void WritePngInfo(const std::string& text, JsonWriter& json) {
  json.BeginObject();
  Put(json, "info", text);
  json.Key("items");
  json.BeginObject();
  if (!text.empty()) Put(json, "parameters", text);
  json.EndObject();
  json.Key("parameters");
  json.BeginObject();
  if (!text.empty()) {
    const GenerationText parsed = ParseGenerationText(text);
    Put(json, "Prompt", parsed.prompt);
    Put(json, "Negative prompt", parsed.negative_prompt);
    for (const auto& [name, value] : parsed.fields) Put(json, name, value);
    const std::string* const size = parsed.Find("Size");
    const size_t cross = size == nullptr ? std::string::npos : size->find('x');
    if (cross != std::string::npos) {
      Put(json, "Size-1", size->substr(0, cross));
      Put(json, "Size-2", size->substr(cross + 1));
    }
  }
  json.EndObject();
  json.EndObject();
}

void TellPngInfo(Call& call) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  const auto value = document->root().Get("image");
  if (!value.ok()) return call.Fail(ToFailure(value.error()));
  const auto file = ReadBase64File(*value);
  if (!file.ok()) return call.Fail(ToFailure(file.error()));
  const std::span bytes = std::as_bytes(std::span(*file));
  const auto info = ReadImageInfo(bytes, AlphaChannel::kDrop, {});
  if (!info.ok()) return call.Fail(ToFailure(value->Wrong(info.error().message)));
  call.Finish(WriteResponse([&](JsonWriter& json) { WritePngInfo(ReadParameters(bytes), json); }));
}

class Routes {
 public:
  Routes(const ApiContext* context, http::Router* router) : context_(context), router_(*router) {}

  // A request that is read, or whose answer takes long to write.
  void Post(const char* path, Call::Step step, bool large = false) {
    Begin("POST", path, std::move(step), large);
  }
  void Begin(const char* method, const char* path, Call::Step step, bool large = false) {
    router_.Add(
        method, kPrefix + std::string(path),
        [context = context_, step = std::move(step)](http::Request request,
                                                     http::Responder responder) {
          auto call = std::make_shared<Call>(context, Family::kWebUi, std::move(request),
                                             std::move(responder));
          Call::Begin(std::move(call), step);
        },
        large ? ImageRouteOptions(*context_) : http::RouteOptions());
  }
  // What is answered at once, whatever the body.
  void Answer(const char* method, const char* path, std::function<http::Response()> answer) {
    router_.Add(method, kPrefix + std::string(path),
                [answer = std::move(answer)](const http::Request&, http::Responder responder) {
                  responder.Send(answer());
                });
  }
  void Get(const char* path, std::function<void(JsonWriter&)> write) {
    Answer("GET", path, [write = std::move(write)] { return WriteResponse(write); });
  }
  void Fixed(const char* method, const char* path, const char* body) {
    Answer(method, path, [body] { return JsonResponse(body); });
  }

 private:
  const ApiContext* const context_;
  http::Router& router_;
};

}  // namespace

void AddWebUiRoutes(const ApiContext* context, http::Router& router) {
  const auto state = std::make_shared<WebUiState>();
  Routes routes(context, &router);
  routes.Post(
      "txt2img", [state](Call& call) { MakePictures(call, state, false); }, true);
  routes.Post(
      "img2img", [state](Call& call) { MakePictures(call, state, true); }, true);
  routes.Post("png-info", TellPngInfo, true);
  routes.Begin("GET", "progress", [state](Call& call) {
    call.RunOffloadedOrInline([state](Call& c) { TellProgress(c, *state); });
  });
  routes.Answer("POST", "interrupt", [state] {
    state->Interrupt();
    return JsonResponse("{}");
  });
  routes.Answer("POST", "skip", [state] {
    state->Skip();
    return JsonResponse("{}");
  });
  routes.Get("options",
             [context, state](JsonWriter& json) { WriteOptions(*context->models, *state, json); });
  routes.Post("options", [state](Call& call) { SetOptions(call, state); });
  routes.Get("samplers", WriteSamplers);
  routes.Get("schedulers", WriteSchedulers);
  routes.Get("sd-models", [context](JsonWriter& json) { WriteModels(*context->models, json); });
  routes.Get("memory", [context](JsonWriter& json) { WriteMemory(context->memory.get(), json); });
  routes.Fixed(
      "GET", "upscalers",
      R"([{"name":"None","model_name":null,"model_path":null,"model_url":null,"scale":1}])");
  routes.Fixed("GET", "scripts", R"({"txt2img":[],"img2img":[]})");
  routes.Fixed("GET", "embeddings", R"({"loaded":{},"skipped":{}})");
  routes.Fixed("GET", "cmd-flags", R"({"api":true})");
  for (const char* none :
       {"loras", "sd-vae", "hypernetworks", "face-restorers", "realesrgan-models", "prompt-styles",
        "latent-upscale-modes", "script-info", "extensions"})
    routes.Fixed("GET", none, "[]");
  for (const char* nothing : {"refresh-checkpoints", "refresh-vae", "refresh-loras"})
    routes.Fixed("POST", nothing, "null");
}

}  // namespace minnow::api
