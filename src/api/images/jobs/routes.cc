// SPDX-License-Identifier: Apache-2.0
// stable-diffusion.cpp's jobs: /sdcpp/v1/*.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/generate/fields.h"
#include "api/images/jobs/request.h"
#include "api/images/jobs/status_json.h"
#include "api/images/web_ui/samplers.h"
#include "api/images/wires.h"
#include "api/inference_call.h"
#include "api/search/parameters.h"
#include "image/parameters.h"
#include "serving/image_jobs.h"
#include "tasks/image/describe.h"

namespace minnow::api {
namespace {

constexpr const char* kPrefix = "/sdcpp/v1/";

template <class Write>
void SendJson(Call& call, int status, const Write& write) {
  http::Response response;
  response.status = status;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  write(json);
  call.Finish(std::move(response));
}

void SendError(Call& call, int status, std::string_view message) {
  SendJson(call, status, [&](JsonWriter& json) {
    json.BeginObject();
    Put(json, "error", message);
    json.EndObject();
  });
}

void SendMissing(Call& call, ImageJobs::Missing missing) {
  if (missing.gone) return SendError(call, 410, "the job's time is over");
  SendError(call, 404, "job not found");
}

ImageJobError ToJobError(const Failure& failure) {
  switch (failure.fault) {
    case Fault::kInvalidField:
      return {"invalid_request", failure.message};
    case Fault::kOverloaded:
    case Fault::kNotReady:
      return {"overloaded", failure.message};
    case Fault::kClientGone:
      return {"cancelled", failure.message};
    default:
      return {"generation_failed", failure.message};
  }
}

// Files, once and for all who ask, and what they were made of.
Result<ImageJobResult> ToResult(const Call& call, const ImageGenerationQuery& query,
                                const ImageAnswer& answer) {
  const std::string& model = call.facts().model_id;
  ImageJobResult result;
  result.format = FormatName(query.format.format);
  result.width = answer.settings.width;
  result.height = answer.settings.height;
  result.seeds = answer.settings.seeds;
  for (size_t i = 0; i < answer.images.size(); ++i) {
    result.texts.push_back(WriteGenerationText(
        DescribePicture(answer.settings, i, model, std::string("minnow ") + MINNOW_VERSION)));
    MINNOW_ASSIGN_OR_RETURN(
        std::string file, query.embed_metadata ? EncodePictureBase64(answer, i, model, query.format)
                                               : EncodeBase64(answer.images[i], query.format));
    result.files.push_back(std::move(file));
  }
  for (const auto& [name, tokens] : {std::pair("prompt", answer.dropped_tokens),
                                     {"negative_prompt", answer.dropped_negative_tokens}}) {
    if (tokens == 0) continue;
    result.warnings.push_back(std::string(name) + ": the last " + std::to_string(tokens) +
                              " tokens did not fit, and were left out");
  }
  return result;
}

// Reports end the queue's time and are told to whoever listens.
void Follow(ImageJobs* jobs, const std::string& id, ImageJobRequest& job) {
  job.on_progress = [jobs, id](const ImageProgress& progress) {
    Result<std::string> preview = std::string();
    if (progress.preview && jobs->IsHeard(id)) preview = EncodeBase64(*progress.preview, {});
    jobs->Report(id, progress.steps_done, progress.steps, preview.ok() ? *preview : "");
  };
}

// What can be told before the files are decoded.
Status CheckEarly(const Call& call, const ImageJobRequest& job) {
  if (!job.image_file.empty() || call.model().image_model() == nullptr) return {};
  const auto settings = CheckImageRequest(*call.model().image_model(), job.request, job.limits);
  return settings.ok() ? Status() : Status(settings.error());
}

// `accepted` becomes true once the client was told so.
void Run(Call& call, ImageGenerationQuery asked, const ImageJobs::Added& added,
         const std::shared_ptr<std::atomic<bool>>& accepted) {
  ImageJobs* const jobs = call.context().image_jobs;
  ImageJobRequest job = std::move(asked.job);
  Follow(jobs, added.id, job);
  const auto query = std::make_shared<const ImageGenerationQuery>(std::move(asked));
  // The claim ends the job where there is no memory for what is done here.
  const auto done = [self = call.shared_from_this(), jobs, query, id = added.id,
                     claim = added.claim, accepted](Result<ImageAnswer> result) {
    if (!result.ok()) {
      const Failure failure = ToFailure(std::move(result).error(), GenerationNames());
      // One that is refused at once is answered, and counted then.
      if (failure.fault != Fault::kOverloaded || *accepted) self->CountFailure(failure);
      return jobs->Fail(id, ToJobError(self->Explain(failure)));
    }
    const auto answer = std::make_shared<ImageAnswer>(std::move(result).value());
    self->RunOffloadedOrInline([jobs, query, id, claim, answer](Call& c) {
      auto files = ToResult(c, *query, *answer);
      if (!files.ok()) {
        const Failure failure = ToFailure(files.error());
        c.CountFailure(failure);
        return jobs->Fail(id, ToJobError(failure));
      }
      CountImages(c, *answer);
      jobs->Complete(id, std::move(files).value());
    });
  };
  call.model().Run(std::move(job), added.watch, done);
}

void Generate(Call& call) {
  // It would be broken off.
  if (call.context().status->Get().state == ServiceState::kDraining)
    return call.Fail({Fault::kNotReady, "the server is shutting down"});
  const auto document = call.Parse();
  if (!document.has_value()) return;
  auto query = ReadImageGeneration(document->root());
  if (!query.ok()) return call.Fail(ToFailure(std::move(query).error()));
  if (!call.UseModel(query->model, TaskKind::kImage)) return;
  query->job.limits.max_pixels = call.context().options.max_image_pixels;
  const Status status = CheckEarly(call, query->job);
  if (!status.ok()) return call.Fail(ToFailure(status.error(), GenerationNames()));
  ImageJobs& jobs = *call.context().image_jobs;
  const auto added = jobs.Add(query->id);
  if (!added.ok()) return call.Fail(ToFailure(added.error()));
  const auto pictures = static_cast<size_t>(query->job.request.images);
  CountTaken(call, TaskKind::kImage, pictures, /*batch=*/pictures > 1);
  const auto accepted = std::make_shared<std::atomic<bool>>(false);
  Run(call, std::move(query).value(), *added, accepted);
  const auto now = jobs.Find(added->id, nullptr);
  const bool refused = now && now->error && now->error->code == "overloaded";
  if (refused) {
    jobs.Remove(added->id);
    return call.Fail({Fault::kOverloaded, now->error->message});
  }
  *accepted = true;
  ImageJobStatus status_now = now.value_or(ImageJobStatus());
  status_now.id = added->id;
  status_now.state = ImageJobState::kQueued;
  SendJson(call, 202, [&](JsonWriter& json) { WriteAccepted(status_now, json); });
}

// Of a job by the name in the path. Pictures take long to write.
void TellJob(Call& call) {
  ImageJobs::Missing missing;
  const auto status = call.context().image_jobs->Find(call.request().Parameter("id"), &missing);
  if (!status) return SendMissing(call, missing);
  SendJson(call, 200, [&](JsonWriter& json) { WriteJob(*status, /*files=*/true, json); });
}

void CancelJob(Call& call) {
  ImageJobs& jobs = *call.context().image_jobs;
  const std::string id(call.request().Parameter("id"));
  ImageJobs::Missing missing;
  switch (jobs.Cancel(id, &missing)) {
    case ImageJobs::Cancelled::kMissing:
      return SendMissing(call, missing);
    case ImageJobs::Cancelled::kEnded:
      return SendError(call, 409, "the job has ended");
    case ImageJobs::Cancelled::kDone:
      break;
  }
  const auto status = jobs.Find(id, &missing);
  if (!status) return SendMissing(call, missing);
  SendJson(call, 200, [&](JsonWriter& json) { WriteJob(*status, /*files=*/false, json); });
}

void StreamEvents(Call& call) {
  // Begins once the job is found.
  const auto stream = std::make_shared<std::optional<http::ResponseStream>>();
  const auto tell = [self = call.shared_from_this(), stream](const ImageJobStatus* status,
                                                             std::string_view preview) {
    std::string event = ": waits\n\n";
    if (status != nullptr) {
      event.clear();
      AppendJobEvent(*status, preview, event);
    }
    if (!*stream) stream->emplace(self->Stream("text/event-stream"));
    if (!(*stream)->Write(event)) return false;
    if (status != nullptr && HasEnded(status->state)) (*stream)->End();
    return true;
  };
  ImageJobs::Missing missing;
  if (!call.context().image_jobs->Listen(call.request().Parameter("id"), tell, &missing))
    SendMissing(call, missing);
}

void WriteDefaults(const ImageModel* model, JsonWriter& json) {
  const uint64_t side =
      model == nullptr ? 512 : model->parts().unet().config().sample_size * model->factor();
  json.BeginObject();
  Put(json, "prompt", "");
  Put(json, "negative_prompt", "");
  json.Key("clip_skip");
  json.Int(-1);
  PutUint(json, "width", side);
  PutUint(json, "height", side);
  json.Key("strength");
  json.Double(ImageGenerationQuery::kStrength);
  json.Key("seed");
  json.Int(-1);
  PutUint(json, "batch_count", 1);
  json.Key("sample_params");
  json.BeginObject();
  Put(json, "scheduler", "default");
  Put(json, "sample_method", "default");
  PutUint(json, "sample_steps", static_cast<uint64_t>(ImageGenerationQuery::kSteps));
  PutNull(json, "eta");
  json.Key("guidance");
  json.BeginObject();
  json.Key("txt_cfg");
  json.Double(ImageGenerationQuery::kGuidance);
  json.EndObject();
  json.EndObject();
  json.Key("vae_tiling_params");
  json.Raw(R"({"enabled":false})");
  Put(json, "output_format", "png");
  PutUint(json, "output_compression", 100);
  json.EndObject();
}

void WriteLimits(const ApiContext& context, const ImageModel* model, JsonWriter& json) {
  const uint64_t least = model == nullptr ? 8 : model->factor();
  const uint64_t most = context.options.max_image_pixels / least;
  json.BeginObject();
  for (const char* side : {"width", "height"}) {
    PutUint(json, std::string("min_") + side, least);
    PutUint(json, std::string("max_") + side, most);
  }
  PutUint(json, "max_pixels", context.options.max_image_pixels);
  PutUint(json, "size_multiple", least);
  PutUint(json, "max_batch_count", static_cast<uint64_t>(ImageRequestLimits().max_images));
  PutUint(json, "max_queue_size", context.image_jobs->options().max_waiting);
  json.EndObject();
}

constexpr const char* kFeatures =
    R"({"init_image":true,"mask_image":true,"control_image":false,"ip_adapter_image":false,)"
    R"("ref_images":false,"lora":false,"vae_tiling":true,"hires":false,"cache":false,)"
    R"("cancel_queued":true,"cancel_generating":true,"preview":true})";
constexpr const char* kFormats = R"(["png","jpeg","webp"])";

// Of the model in ?model=NAME, else of the first that makes pictures.
void TellCapabilities(Call& call) {
  const auto parameters = ReadParameters(call.request().query);
  if (!parameters.ok()) return call.Fail(ToFailure(parameters.error()));
  std::string name;
  for (const http::Header& parameter : *parameters)
    if (parameter.name == "model") name = parameter.value;
  if (!call.UseModel(name, TaskKind::kImage)) return;
  const ImageModel* const model = call.model().image_model();
  SendJson(call, 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("model");
    json.BeginObject();
    for (const char* name : {"name", "stem", "path"}) Put(json, name, call.facts().model_id);
    json.EndObject();
    Put(json, "current_mode", "img_gen");
    json.Key("supported_modes");
    json.Raw(R"(["img_gen"])");
    std::string defaults;
    JsonWriter of_defaults(&defaults);
    WriteDefaults(model, of_defaults);
    for (const auto& [name, value] : {std::pair("defaults", std::string_view(defaults)),
                                      {"features", kFeatures},
                                      {"output_formats", kFormats}}) {
      json.Key(name);
      json.Raw(value);
      json.Key(std::string(name) + "_by_mode");
      json.BeginObject();
      json.Key("img_gen");
      json.Raw(value);
      json.EndObject();
    }
    json.Key("samplers");
    json.BeginArray();
    for (const WebUiSampler& sampler : WebUiSamplers()) json.String(sampler.ours);
    json.EndArray();
    json.Key("schedulers");
    json.Raw(R"(["default","discrete","karras"])");
    json.Key("preview_modes");
    json.Raw(R"(["none","proj","tae"])");
    for (const char* none : {"loras", "upscalers"}) {
      json.Key(none);
      json.Raw("[]");
    }
    json.Key("limits");
    WriteLimits(call.context(), model, json);
    json.EndObject();
  });
}

}  // namespace

void AddImageJobRoutes(const ApiContext* context, http::Router& router) {
  const auto add = [&](const char* method, const char* path, Call::Step step, bool needs_model) {
    router.Add(
        method, kPrefix + std::string(path),
        [context, step = std::move(step), needs_model](http::Request request,
                                                       http::Responder responder) {
          auto call = std::make_shared<Call>(context, Family::kOllama, std::move(request),
                                             std::move(responder));
          if (needs_model) return Call::Begin(std::move(call), step);
          call->RunOffloadedOrInline(step);
        },
        ImageRouteOptions(*context));
  };
  add("POST", "img_gen", Generate, true);
  add("GET", "capabilities", TellCapabilities, true);
  add("GET", "jobs/{id}", TellJob, false);
  add("POST", "jobs/{id}/cancel", CancelJob, false);
  add("GET", "jobs/{id}/events", StreamEvents, false);
}

}  // namespace minnow::api
