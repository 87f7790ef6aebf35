// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/request.h"

#include <algorithm>
#include <random>
#include <utility>

#include "api/generate/fields.h"
#include "api/images/fields.h"
#include "api/images/web_ui/override_settings.h"
#include "base/base64.h"

namespace minnow::api {
namespace {

constexpr int64_t kMostSteps = 1'000'000;  // the scheduler's own limit is below
constexpr int64_t kMostSide = 1 << 20;
constexpr double kMostBlur = 1024;
constexpr std::string_view kNot = "is not supported";

Status RequireOne(const JsonView& body, std::string_view name) {
  MINNOW_ASSIGN_OR_RETURN(const auto number, ReadNumber(body, name));
  if (number && *number != 1) return body.Find(name)->Wrong("only 1 is supported");
  return {};
}

// A number above 0 would ask for it; the web UI's clients send 0 or -1 where they want nothing.
Status RefusePositive(const JsonView& body, std::string_view name) {
  MINNOW_ASSIGN_OR_RETURN(const auto number, ReadNumber(body, name));
  if (number && *number > 0) return body.Find(name)->Wrong(kNot);
  return {};
}

// Sent along by clients whose user did not switch it on: false, or {"enabled": false, ...}.
bool IsOff(const JsonView& argument) {
  if (argument.type() == JsonType::kBool) return !*argument.Bool();
  const auto enabled = argument.is_object() ? argument.Find("enabled") : std::nullopt;
  return enabled && enabled->type() == JsonType::kBool && !*enabled->Bool();
}

// Scripts that are sent along, switched off, do nothing.
Status RefuseScripts(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(Refuse(body, "script_name", kNot));
  MINNOW_ASSIGN_OR_RETURN(const JsonView scripts, ReadObject(body, "alwayson_scripts"));
  for (size_t i = 0; i < scripts.size(); ++i) {
    MINNOW_RETURN_IF_ERROR(scripts.at(i).Object());
    const auto arguments = scripts.at(i).Find("args");
    if (!arguments || arguments->size() == 0) continue;
    if (IsOff(arguments->is_array() ? arguments->at(0) : *arguments)) continue;
    return Error{Code::kInvalidArgument,
                 "alwayson_scripts: " + QuoteForMessage(scripts.key(i)) + " is not supported"};
  }
  return {};
}

Status RefuseUnsupported(const JsonView& body) {
  for (const char* name : {"styles", "restore_faces", "tiling", "enable_hr", "refiner_checkpoint",
                           "infotext", "latent_mask", "lora", "extra_images", "controlnet_units"})
    MINNOW_RETURN_IF_ERROR(Refuse(body, name, kNot));
  for (const char* name :
       {"subseed_strength", "seed_resize_from_w", "seed_resize_from_h", "s_min_uncond"})
    MINNOW_RETURN_IF_ERROR(RefusePositive(body, name));
  return RefuseScripts(body);
}

// Marks of the web UI's prompts that are text here.
void WarnOfMarks(std::string_view name, std::string_view prompt, WebUiQuery& query) {
  const size_t colon = prompt.find(':');
  const bool weights = prompt.find('(') < colon && colon < prompt.rfind(')');
  if (weights)
    query.warnings.push_back(std::string(name) + ": weights, as in (word:1.2), are read as text");
}

Status ReadPrompts(const JsonView& body, WebUiQuery& query) {
  ImageRequest& request = query.job.request;
  MINNOW_ASSIGN_OR_RETURN(request.prompt, body.GetString("prompt", ""));
  MINNOW_ASSIGN_OR_RETURN(request.negative_prompt, body.GetString("negative_prompt", ""));
  WarnOfMarks("prompt", request.prompt, query);
  WarnOfMarks("negative_prompt", request.negative_prompt, query);
  return {};
}

// Each sampler looks at some of these numbers; the others' values make no difference.
Status ReadSampling(const JsonView& body, WebUiQuery& query) {
  ImageRequest& request = query.job.request;
  MINNOW_ASSIGN_OR_RETURN(std::string_view sampler, body.GetString("sampler_name", ""));
  if (sampler.empty()) {
    MINNOW_ASSIGN_OR_RETURN(sampler, body.GetString("sampler_index", "Euler"));
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string_view scheduler, body.GetString("scheduler", ""));
  MINNOW_ASSIGN_OR_RETURN(query.sampling, FindWebUiSampling(sampler, scheduler));
  request.scheduler = query.sampling.ours;
  const std::string_view kind = query.sampling.sampler->ours;
  if (kind == "ddim") {
    MINNOW_ASSIGN_OR_RETURN(request.eta, body.GetNumber("eta", 0));
  } else if (kind == "euler_a") {
    MINNOW_RETURN_IF_ERROR(RequireOne(body, "eta"));
    MINNOW_RETURN_IF_ERROR(RequireOne(body, "s_noise"));
  } else if (kind == "euler" || kind == "heun") {
    MINNOW_RETURN_IF_ERROR(RefusePositive(body, "s_churn"));
  }
  MINNOW_ASSIGN_OR_RETURN(request.steps, body.GetInt("steps", 1, kMostSteps, 50));
  MINNOW_ASSIGN_OR_RETURN(request.guidance, body.GetNumber("cfg_scale", 7));
  return {};
}

Status ReadSeed(const JsonView& body, WebUiQuery& query) {
  MINNOW_ASSIGN_OR_RETURN(const auto seed, JsonImageFields(body).Seed());
  query.seed = seed ? *seed : std::random_device()();
  return {};
}

Status ReadSizes(const JsonView& body, WebUiQuery& query) {
  ImageRequest& request = query.job.request;
  MINNOW_ASSIGN_OR_RETURN(request.width, body.GetInt("width", 1, kMostSide, 512));
  MINNOW_ASSIGN_OR_RETURN(request.height, body.GetInt("height", 1, kMostSide, 512));
  MINNOW_ASSIGN_OR_RETURN(request.images,
                          body.GetInt("batch_size", 1, query.job.limits.max_images, 1));
  MINNOW_ASSIGN_OR_RETURN(const int64_t rounds,
                          body.GetInt("n_iter", 1, WebUiQuery::kMostPictures, 1));
  if (rounds * request.images > WebUiQuery::kMostPictures) {
    return body.Find("n_iter")->Wrong(std::to_string(rounds * request.images) +
                                      " pictures in all, limit " +
                                      std::to_string(WebUiQuery::kMostPictures));
  }
  query.batch = static_cast<size_t>(request.images);
  query.rounds = static_cast<size_t>(rounds);
  return {};
}

// Its layers are left out of both prompts, where diffusers leaves them out of one.
Status ReadOverrides(const JsonView& body, WebUiQuery& query) {
  WebUiOverrides overrides;
  MINNOW_ASSIGN_OR_RETURN(const JsonView settings, ReadObject(body, "override_settings"));
  MINNOW_RETURN_IF_ERROR(ReadOverrideSettings(settings, overrides));
  ImageRequest& request = query.job.request;
  request.clip_skip = overrides.clip_skip;
  query.clip_skip_by_settings = settings.Find("CLIP_stop_at_last_layers").has_value();
  if (!query.clip_skip_by_settings) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t layers, body.GetInt("clip_skip", -1, INT32_MAX, 1));
    request.clip_skip = std::max<int64_t>(layers, 1) - 1;
  }
  request.clip_skip_of_negative = true;
  query.model = overrides.model;
  query.format = {overrides.format, static_cast<int>(overrides.quality)};
  return {};
}

// What is asked, as it came but for its images, and what was not said by its default.
void WriteEcho(const JsonView& body, bool images, WebUiQuery& query) {
  const ImageRequest& request = query.job.request;
  JsonWriter json(&query.echo);
  json.BeginObject();
  const auto is_image = [](std::string_view name) {
    return name == "init_images" || name == "mask";
  };
  for (size_t i = 0; i < body.size(); ++i) {
    const std::string_view name = body.key(i);
    if (name == "include_init_images" || body.Find(name)->is_null()) continue;
    json.Key(name);
    if (is_image(name) && !images) {
      json.Null();
    } else {
      WriteJson(body.at(i), json);
    }
  }
  const auto has = [&body](std::string_view name) {
    const auto value = body.Find(name);
    return value && !value->is_null();
  };
  const auto put = [&](std::string_view name, const auto& write) {
    if (has(name)) return;
    json.Key(name);
    write();
  };
  put("prompt", [&] { json.String(request.prompt); });
  put("negative_prompt", [&] { json.String(request.negative_prompt); });
  put("seed", [&] { json.Int(-1); });
  put("sampler_name", [&] { json.String(query.sampling.sampler->name); });
  put("scheduler", [&] { json.String(query.sampling.scheduler); });
  put("steps", [&] { json.Int(request.steps); });
  put("cfg_scale", [&] { json.Double(request.guidance); });
  put("width", [&] { json.Int(request.width); });
  put("height", [&] { json.Int(request.height); });
  put("batch_size", [&] { json.Uint(query.batch); });
  put("n_iter", [&] { json.Uint(query.rounds); });
  if (query.from_image()) put("denoising_strength", [&] { json.Double(request.strength); });
  json.EndObject();
}

Status ReadShared(const JsonView& body, WebUiQuery& query) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  MINNOW_RETURN_IF_ERROR(RefuseUnsupported(body));
  MINNOW_RETURN_IF_ERROR(ReadPrompts(body, query));
  MINNOW_RETURN_IF_ERROR(ReadSampling(body, query));
  MINNOW_RETURN_IF_ERROR(ReadSeed(body, query));
  MINNOW_RETURN_IF_ERROR(ReadSizes(body, query));
  MINNOW_RETURN_IF_ERROR(ReadOverrides(body, query));
  MINNOW_ASSIGN_OR_RETURN(query.send_images, body.GetBool("send_images", true));
  query.job.request.strength_rule = StrengthRule::kWebUi;
  return {};
}

Status ReadInitImage(const JsonView& body, WebUiQuery& query) {
  const auto images = body.Find("init_images");
  if (!images || images->is_null()) {
    return Error{Code::kNotFound, "init_images: no image to begin with"};
  }
  MINNOW_RETURN_IF_ERROR(images->Array());
  if (images->size() == 0) return Error{Code::kNotFound, "init_images: no image to begin with"};
  if (images->size() > 1) {
    return images->Wrong("holds " + std::to_string(images->size()) + " images, limit 1");
  }
  MINNOW_ASSIGN_OR_RETURN(query.job.image_file, ReadBase64File(images->at(0)));
  return {};
}

Result<FitMode> ReadFitMode(const JsonView& body) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t mode, body.GetInt("resize_mode", 0, 3, 0));
  constexpr FitMode kModes[] = {FitMode::kStretch, FitMode::kCrop, FitMode::kPad};
  if (mode == 3) return body.Find("resize_mode")->Wrong("3, the latent upscale, is not supported");
  return kModes[mode];
}

// False and true are 0 and 1.
Result<bool> ReadFlag(const JsonView& body, std::string_view name, bool otherwise) {
  const auto value = body.Find(name);
  if (!value || value->is_null()) return otherwise;
  if (value->type() == JsonType::kBool) return value->Bool();
  MINNOW_ASSIGN_OR_RETURN(const int64_t number, value->Int(0, 1));
  return number == 1;
}

Status ReadBlur(const JsonView& body, std::string_view name, double& blur) {
  const auto value = body.Find(name);
  if (!value || value->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(blur, value->Number());
  if (blur >= 0 && blur <= kMostBlur) return {};
  return value->Expected("a number in [0, " + std::to_string(static_cast<int>(kMostBlur)) + "]");
}

Status ReadMask(const JsonView& body, WebUiQuery& query) {
  InpaintOptions& options = query.inpaint;
  MINNOW_ASSIGN_OR_RETURN(options.fit, ReadFitMode(body));
  const auto mask = body.Find("mask");
  if (!mask || mask->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(query.job.mask_file, ReadBase64File(*mask));
  MINNOW_ASSIGN_OR_RETURN(const bool round, ReadFlag(body, "mask_round", true));
  if (!round) return body.Find("mask_round")->Wrong("only true is supported");
  MINNOW_ASSIGN_OR_RETURN(options.invert_mask, ReadFlag(body, "inpainting_mask_invert", false));
  MINNOW_RETURN_IF_ERROR(ReadBlur(body, "mask_blur_x", options.blur_x));
  MINNOW_RETURN_IF_ERROR(ReadBlur(body, "mask_blur_y", options.blur_y));
  double both = -1;
  MINNOW_RETURN_IF_ERROR(ReadBlur(body, "mask_blur", both));
  if (both >= 0) options.blur_x = options.blur_y = both;
  MINNOW_ASSIGN_OR_RETURN(const int64_t fill, body.GetInt("inpainting_fill", 0, 3, 0));
  if (fill > 1) {
    return body.Find("inpainting_fill")->Wrong("2 and 3, the latent kinds, are not supported");
  }
  options.fill = fill == 0;
  MINNOW_ASSIGN_OR_RETURN(options.only_masked, ReadFlag(body, "inpaint_full_res", true));
  MINNOW_ASSIGN_OR_RETURN(const int64_t padding,
                          body.GetInt("inpaint_full_res_padding", 0, kMostSide, 0));
  options.padding = static_cast<uint32_t>(padding);
  return {};
}

}  // namespace

Result<std::string> ReadBase64File(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(std::string_view text, value.String());
  if (text.starts_with("http://") || text.starts_with("https://"))
    return value.Wrong("expected base64; addresses are not fetched");
  if (text.starts_with("data:")) {
    const size_t comma = text.find(',');
    const std::string_view head = text.substr(0, comma);
    if (comma == std::string_view::npos || !head.ends_with(";base64"))
      return value.Wrong("expected a data URL with base64");
    text.remove_prefix(comma + 1);
  }
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  std::optional<std::string> bytes;
  if (std::ranges::any_of(text, is_space)) {
    std::string dense;
    std::ranges::copy_if(text, std::back_inserter(dense), std::not_fn(is_space));
    bytes = FromBase64(dense);
  } else {
    bytes = FromBase64(text);
  }
  if (!bytes) return value.Wrong("is not base64");
  if (bytes->empty()) return value.Wrong("is empty");
  return *std::move(bytes);
}

Result<WebUiQuery> ReadTextToImage(const JsonView& body) {
  WebUiQuery query;
  MINNOW_RETURN_IF_ERROR(ReadShared(body, query));
  WriteEcho(body, /*images=*/false, query);
  return query;
}

Result<WebUiQuery> ReadImageToImage(const JsonView& body) {
  WebUiQuery query;
  MINNOW_RETURN_IF_ERROR(ReadShared(body, query));
  for (const char* name : {"initial_noise_multiplier", "noise_multiplier"})
    MINNOW_RETURN_IF_ERROR(RequireOne(body, name));
  MINNOW_RETURN_IF_ERROR(ReadInitImage(body, query));
  MINNOW_ASSIGN_OR_RETURN(query.job.request.strength, body.GetNumber("denoising_strength", 0.75));
  MINNOW_RETURN_IF_ERROR(ReadMask(body, query));
  MINNOW_ASSIGN_OR_RETURN(const bool images, body.GetBool("include_init_images", false));
  WriteEcho(body, images, query);
  return query;
}

ImageFieldNames WebUiNames(const WebUiQuery& query) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"strength", "denoising_strength"},
      {"guidance", "cfg_scale"},
      {"images", "batch_size"},
      {"scheduler", "sampler_name"},
      {"image", "init_images[0]"},
      {"clip_skip", "override_settings.CLIP_stop_at_last_layers"}};
  // The last one is for the settings alone: beside them the name is ours.
  const ImageFieldNames names = kNames;
  return query.clip_skip_by_settings ? names : names.first(names.size() - 1);
}

}  // namespace minnow::api
