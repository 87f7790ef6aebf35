// SPDX-License-Identifier: Apache-2.0
#include "api/images/jobs/request.h"

#include <algorithm>
#include <random>
#include <utility>

#include "api/generate/fields.h"
#include "api/images/fields.h"
#include "api/images/web_ui/request.h"
#include "api/images/web_ui/samplers.h"

namespace minnow::api {
namespace {

constexpr int64_t kMostSide = 1 << 20;
constexpr int64_t kMostSteps = 1'000'000;  // the scheduler's own limit is below
constexpr std::string_view kNot = "is not supported";

Status RefuseWhere(bool wrong, const JsonView& object, std::string_view name) {
  if (!wrong) return {};
  const auto value = object.Find(name);
  return value->Wrong(value->Describe() + " is not supported");
}

Status RefuseUnsupported(const JsonView& body) {
  for (const char* name : {"control_image", "ip_adapter_image", "ref_images", "lora"})
    MINNOW_RETURN_IF_ERROR(Refuse(body, name, kNot));
  MINNOW_ASSIGN_OR_RETURN(const JsonView hires, ReadObject(body, "hires"));
  MINNOW_RETURN_IF_ERROR(Refuse(hires, "enabled", kNot));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view cache, body.GetString("cache_mode", "disabled"));
  return RefuseWhere(cache != "disabled" && !cache.empty(), body, "cache_mode");
}

Status ReadGuidance(const JsonView& sampling, ImageRequest& request) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView guidance, ReadObject(sampling, "guidance"));
  MINNOW_ASSIGN_OR_RETURN(request.guidance,
                          guidance.GetNumber("txt_cfg", ImageGenerationQuery::kGuidance));
  MINNOW_ASSIGN_OR_RETURN(const JsonView layers, ReadObject(guidance, "slg"));
  return Refuse(layers, "scale", kNot);
}

std::string MethodNames() {
  std::string names = "default";
  for (const WebUiSampler& sampler : WebUiSamplers()) names.append(", ").append(sampler.ours);
  return names;
}

// stable-diffusion.cpp's names, or ours.
Result<std::string> SchedulerOf(const JsonView& sampling) {
  MINNOW_ASSIGN_OR_RETURN(std::string_view method, sampling.GetString("sample_method", "default"));
  MINNOW_ASSIGN_OR_RETURN(std::string_view sigmas, sampling.GetString("scheduler", "default"));
  constexpr std::string_view kPlain[] = {"default", "discrete", "normal", ""};
  if (std::ranges::count(kPlain, sigmas) != 0) sigmas = "uniform";
  if (method == "default" || method.empty()) {
    if (sigmas != "karras") return std::string();
    return sampling.Find("scheduler")->Wrong("\"karras\" needs a sample_method");
  }
  if (method == "dpm++2m") method = "dpmpp_2m";
  if (method == "dpmpp_2m_karras") method = "dpmpp_2m", sigmas = "karras";
  auto found = FindWebUiSampling(method, sigmas);
  if (found.ok()) return std::string(found->ours);
  if (found.error().code == Code::kNotFound)
    return sampling.Find("sample_method")->Wrong("is not supported; known: " + MethodNames());
  if (sigmas != "uniform" && sigmas != "karras")
    return sampling.Find("scheduler")->Wrong("is not supported; known: default, discrete, karras");
  // A method's name may end with a scheduler: "euler_a karras".
  const char* field = sampling.Find("scheduler") ? "scheduler" : "sample_method";
  return sampling.Find(field)->Wrong("\"karras\" is not supported with this sample_method");
}

Status ReadSampling(const JsonView& body, ImageRequest& request) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView sampling, ReadObject(body, "sample_params"));
  MINNOW_ASSIGN_OR_RETURN(request.scheduler, SchedulerOf(sampling));
  MINNOW_ASSIGN_OR_RETURN(
      request.steps, sampling.GetInt("sample_steps", 1, kMostSteps, ImageGenerationQuery::kSteps));
  for (const char* name : {"custom_sigmas", "shifted_timestep"})
    MINNOW_RETURN_IF_ERROR(Refuse(sampling, name, kNot));
  MINNOW_ASSIGN_OR_RETURN(const auto eta, ReadNumber(sampling, "eta"));
  if (request.scheduler == "ddim") request.eta = eta.value_or(0);
  const bool other_noise = request.scheduler == "euler_a" && eta && *eta != 1;
  MINNOW_RETURN_IF_ERROR(RefuseWhere(other_noise, sampling, "eta"));
  return ReadGuidance(sampling, request);
}

Status ReadFiles(const JsonView& body, ImageJobRequest& job) {
  for (const auto& [name, file] :
       {std::pair("init_image", &job.image_file), std::pair("mask_image", &job.mask_file)}) {
    const auto value = body.Find(name);
    if (!value || value->is_null() || (value->is_string() && *value->String() == "")) continue;
    MINNOW_ASSIGN_OR_RETURN(*file, ReadBase64File(*value));
  }
  if (job.image_file.empty() && !job.mask_file.empty())
    return body.Find("mask_image")->Wrong("needs an init_image");
  return {};
}

Status ReadOutput(const JsonView& body, ImageGenerationQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view format, body.GetString("output_format", "png"));
  if (format == "jpeg" || format == "jpg") {
    query.format.format = ImageFormat::kJpeg;
  } else if (format == "webp") {
    query.format.format = ImageFormat::kWebp;
  } else if (format != "png") {
    return body.Find("output_format")->Expected("\"png\", \"jpeg\" or \"webp\"");
  }
  MINNOW_ASSIGN_OR_RETURN(const int64_t quality, body.GetInt("output_compression", 0, 100, 100));
  query.format.quality = static_cast<int>(std::max<int64_t>(quality, 1));
  MINNOW_ASSIGN_OR_RETURN(query.embed_metadata, body.GetBool("embed_image_metadata", true));
  return {};
}

// A preview for those who listen, after so many steps each; "none" for none.
Status ReadPreviews(const JsonView& body, ImageJobRequest& job) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view mode, body.GetString("preview", "proj"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t interval,
                          body.GetInt("preview_interval", 1, kMostSteps, 1));
  if (mode == "none") return {};
  if (mode != "proj" && mode != "tae")
    return body.Find("preview")->Expected("\"none\", \"proj\" or \"tae\"");
  job.previews = static_cast<size_t>((job.request.steps + interval - 1) / interval);
  return {};
}

}  // namespace

Result<ImageGenerationQuery> ReadImageGeneration(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  MINNOW_RETURN_IF_ERROR(RefuseUnsupported(body));
  ImageGenerationQuery query;
  ImageRequest& request = query.job.request;
  MINNOW_ASSIGN_OR_RETURN(query.id, body.GetString("id", ""));
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_ASSIGN_OR_RETURN(request.prompt, body.GetString("prompt", ""));
  MINNOW_ASSIGN_OR_RETURN(request.negative_prompt, body.GetString("negative_prompt", ""));
  MINNOW_ASSIGN_OR_RETURN(const int64_t layers, body.GetInt("clip_skip", -1, INT32_MAX, -1));
  request.clip_skip = std::max<int64_t>(layers, 1) - 1;
  request.clip_skip_of_negative = true;
  MINNOW_ASSIGN_OR_RETURN(request.width, body.GetInt("width", 0, kMostSide, 0));
  MINNOW_ASSIGN_OR_RETURN(request.height, body.GetInt("height", 0, kMostSide, 0));
  MINNOW_ASSIGN_OR_RETURN(request.strength,
                          body.GetNumber("strength", ImageGenerationQuery::kStrength));
  request.strength_rule = StrengthRule::kWebUi;
  MINNOW_ASSIGN_OR_RETURN(request.images,
                          body.GetInt("batch_count", 1, query.job.limits.max_images, 1));
  MINNOW_ASSIGN_OR_RETURN(const auto seed, JsonImageFields(body).Seed());
  const uint64_t first = seed ? *seed : std::random_device()();
  for (int64_t i = 0; i < request.images; ++i)
    request.seeds.push_back(first + static_cast<uint64_t>(i));
  MINNOW_RETURN_IF_ERROR(ReadSampling(body, request));
  MINNOW_ASSIGN_OR_RETURN(const JsonView tiling, ReadObject(body, "vae_tiling_params"));
  MINNOW_ASSIGN_OR_RETURN(const bool tiled, tiling.GetBool("enabled", false));
  if (tiled) request.tiling = VaeTiling::kAlways;
  MINNOW_RETURN_IF_ERROR(ReadFiles(body, query.job));
  MINNOW_RETURN_IF_ERROR(ReadOutput(body, query));
  MINNOW_RETURN_IF_ERROR(ReadPreviews(body, query.job));
  return query;
}

ImageFieldNames GenerationNames() {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"steps", "sample_params.sample_steps"},
      {"guidance", "sample_params.guidance.txt_cfg"},
      {"scheduler", "sample_params.sample_method"},
      {"eta", "sample_params.eta"},
      {"images", "batch_count"},
      {"image", "init_image"},
      {"mask", "mask_image"}};
  return kNames;
}

}  // namespace minnow::api
