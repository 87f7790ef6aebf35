// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/run.h"

#include <utility>

#include "api/generate/fields.h"
#include "api/images/image_call.h"
#include "api/inference_call.h"
#include "base/base64.h"
#include "image/parameters.h"
#include "tasks/image/describe.h"

namespace minnow::api {
namespace {

constexpr size_t kPreviews = 10;  // of a round
constexpr size_t kMadeBytesOfFile = 4;

// Before anything of that size is made.
Status CheckPixels(const WebUiQuery& query) {
  const ImageRequest& request = query.job.request;
  const uint64_t most = query.job.limits.max_pixels;
  const auto wide = static_cast<uint64_t>(request.width);
  const auto high = static_cast<uint64_t>(request.height);
  if (wide * high <= most / query.batch) return {};
  return Error{Code::kInvalidArgument, "width: " + std::to_string(query.batch) + " of " +
                                           std::to_string(wide) + "x" + std::to_string(high) +
                                           " pixels, limit " + std::to_string(most) + " together"};
}

std::string Version() { return std::string("minnow ") + MINNOW_VERSION; }

Error NoRoom(size_t bytes) {
  return {Code::kOverloaded, "memory full: the pictures made so far take " + std::to_string(bytes) +
                                 " bytes until all rounds are done"};
}

template <class Values, class Write>
void PutList(JsonWriter& json, std::string_view name, const Values& values, const Write& write) {
  json.Key(name);
  json.BeginArray();
  for (const auto& value : values) write(value);
  json.EndArray();
}

}  // namespace

void WebUiRun::Start(Call& call, WebUiQuery query, const std::shared_ptr<WebUiState>& state,
                     const char* job) {
  query.job.limits.max_pixels = call.context().options.max_image_pixels;
  const Status status = CheckPixels(query);
  if (!status.ok()) return call.Fail(ToFailure(status.error()));
  CountTaken(call, TaskKind::kImage, query.batch * query.rounds, query.batch > 1);
  const std::shared_ptr<WebUiRun> run(new WebUiRun(call.shared_from_this(), std::move(query)));
  run->work_ = WebUiState::Begin(state, job, run->query_.rounds);
  if (const auto& client = call.request().client; client != nullptr) {
    client->OnGone([weak = std::weak_ptr<WebUiState::Work>(run->work_)] {
      if (const auto work = weak.lock()) work->ClientLeft();
    });
  }
  run->BeginRound();
}

void WebUiRun::BeginRound() {
  const auto watch = work_->BeginRound();
  if (watch == nullptr) {
    if (work_->interrupted()) return Answer();
    return Fail({Code::kDeadline, "the client left"});
  }
  ImageJobRequest job = MakeJob();
  call_->model().Run(std::move(job), watch,
                     [self = shared_from_this()](Result<ImageAnswer> result) {
                       self->EndRound(std::move(result));
                     });
}

ImageJobRequest WebUiRun::MakeJob() {
  std::string image = std::exchange(query_.job.image_file, {});
  std::string mask = std::exchange(query_.job.mask_file, {});
  ImageJobRequest job = query_.job;
  if (round_ + 1 < query_.rounds) {
    query_.job.image_file = image;
    query_.job.mask_file = mask;
  }
  job.image_file = std::move(image);
  job.mask_file = std::move(mask);
  for (size_t i = 0; i < query_.batch; ++i)
    job.request.seeds.push_back(query_.seed + round_ * query_.batch + i);
  job.previews = kPreviews;
  // The work alone: what reports of it must not keep the answer alive.
  job.on_progress = [work = work_](ImageProgress progress) { work->Report(std::move(progress)); };
  inpainting_ = std::make_shared<Inpainting>(query_.inpaint);
  if (from_image_) {
    job.adjust = [in = inpainting_](ImageRequest& request) { return in->Begin(request); };
    job.caller = InpaintMemory(job, query_.inpaint);
  }
  const size_t held =
      query_.job.image_file.size() + query_.job.mask_file.size() + query_.echo.size();
  job.caller.adjusting += held;
  job.caller.kept += held;
  return job;
}

void WebUiRun::EndRound(Result<ImageAnswer> result) {
  const bool skipped = !work_->EndRound();
  ++round_;
  if (!result.ok()) {
    const bool stopped =
        result.error().code == Code::kDeadline && (skipped || work_->interrupted());
    if (!stopped) return Fail(std::move(result).error());
    if (work_->interrupted() || round_ == query_.rounds) return Answer();
    return BeginRound();
  }
  const auto answer = std::make_shared<ImageAnswer>(std::move(result).value());
  call_->RunOffloadedOrInline([self = shared_from_this(), answer](Call&) { self->Keep(*answer); });
}

void WebUiRun::Keep(ImageAnswer& answer) {
  for (size_t i = 0; i < answer.images.size(); ++i) {
    texts_.push_back(WriteGenerationText(
        DescribePicture(answer.settings, i, call_->facts().model_id, Version())));
    answer.images[i] = inpainting_->Finish(std::move(answer.images[i]));
    auto file = EncodePicture(answer, i, call_->facts().model_id, query_.format);
    if (!file.ok()) return Fail(std::move(file).error());
    answer.images[i].pixels = {};
    // The file stays for the other rounds, and becomes part of a body that grows then.
    const size_t bytes = query_.rounds > 1 ? kMadeBytesOfFile * file->size() : 0;
    if (!made_.Take(bytes)) return Fail(NoRoom(made_.bytes() + bytes));
    files_.push_back(std::move(file).value());
    seeds_.push_back(answer.settings.seeds[i]);
  }
  if (!settings_) settings_ = answer.settings;
  steps_ += answer.steps;
  dropped_ = answer.dropped_tokens;
  dropped_negative_ = answer.dropped_negative_tokens;
  if (round_ < query_.rounds) return BeginRound();
  CountImages(*call_, answer);
  const size_t earlier = files_.size() - answer.images.size();
  call_->context().metrics->Of(TaskKind::kImage).success.Add(earlier);
  Answer();
}

void WebUiRun::Fail(Error error) {
  work_->End();
  call_->Fail(ToFailure(std::move(error), WebUiNames(query_)));
}

void WebUiRun::WriteLists(JsonWriter& json) const {
  const ImageRequest& request = query_.job.request;
  const auto same = [&](std::string_view name, std::string_view text) {
    PutList(json, name, seeds_, [&](uint64_t) { json.String(text); });
  };
  same("all_prompts", request.prompt);
  same("all_negative_prompts", request.negative_prompt);
  PutList(json, "all_seeds", seeds_, [&](uint64_t seed) { json.Uint(seed); });
  PutList(json, "all_subseeds", seeds_, [&](uint64_t seed) { json.Uint(seed); });
  PutList(json, "infotexts", texts_, [&](const std::string& text) { json.String(text); });
  json.Key("styles");
  json.Raw("[]");
  std::vector<std::string> warnings = query_.warnings;
  const auto dropped = [&warnings](const char* name, size_t tokens) {
    if (tokens == 0) return;
    warnings.push_back(std::string(name) + ": the last " + std::to_string(tokens) +
                       " tokens did not fit, and were left out");
  };
  dropped("prompt", dropped_);
  dropped("negative_prompt", dropped_negative_);
  PutList(json, "warnings", warnings, [&](const std::string& text) { json.String(text); });
}

void WebUiRun::WriteInfo(JsonWriter& json) const {
  const ImageRequest& request = query_.job.request;
  const auto number = [&json](std::string_view name, double value) {
    json.Key(name);
    json.Double(value);
  };
  json.BeginObject();
  Put(json, "prompt", request.prompt);
  Put(json, "negative_prompt", request.negative_prompt);
  PutUint(json, "seed", query_.seed);
  PutUint(json, "subseed", query_.seed);
  PutUint(json, "subseed_strength", 0);
  WriteLists(json);
  PutUint(json, "width", static_cast<uint64_t>(request.width));
  PutUint(json, "height", static_cast<uint64_t>(request.height));
  Put(json, "sampler_name",
      settings_ ? SamplerName(settings_->scheduler) : std::string(query_.sampling.sampler->name));
  number("cfg_scale", request.guidance);
  PutUint(json, "steps", static_cast<uint64_t>(request.steps));
  PutUint(json, "steps_run", steps_);
  PutUint(json, "batch_size", query_.batch);
  json.Key("restore_faces");
  json.Bool(false);
  Put(json, "sd_model_hash", "");  // clients want a text
  for (const char* name : {"face_restoration_model", "sd_vae_name", "sd_vae_hash"})
    PutNull(json, name);
  Put(json, "sd_model_name", call_->facts().model_id);
  for (const char* name : {"seed_resize_from_w", "seed_resize_from_h"}) number(name, -1);
  if (from_image_) {
    number("denoising_strength", request.strength);
  } else {
    PutNull(json, "denoising_strength");
  }
  json.Key("extra_generation_params");
  json.Raw("{}");
  PutUint(json, "index_of_first_image", 0);
  Put(json, "job_timestamp", work_->timestamp());
  PutUint(json, "clip_skip", static_cast<uint64_t>(request.clip_skip + 1));
  json.Key("is_using_inpainting_conditioning");
  json.Bool(false);
  json.Key("interrupted");
  json.Bool(work_->interrupted());
  Put(json, "version", Version());
  json.EndObject();
}

void WebUiRun::Answer() {
  http::Response response;
  response.content_type = "application/json";
  response.codable = false;  // pictures are compressed
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("images");
  json.BeginArray();
  for (const std::string& file : files_) {
    if (!query_.send_images) break;
    std::string text;
    AppendBase64(file, text);
    json.String(text);
  }
  json.EndArray();
  json.Key("parameters");
  json.Raw(query_.echo);
  std::string info;
  JsonWriter of_info(&info);
  WriteInfo(of_info);
  Put(json, "info", info);
  json.EndObject();
  work_->End();
  call_->Finish(std::move(response));
}

}  // namespace minnow::api
