// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/request.h"

#include <cmath>
#include <random>
#include <utility>

#include "models/vae/tiling.h"

namespace minnow {
namespace {

constexpr double kMostGuidance = 1000;
constexpr int64_t kMostSide = int64_t{1} << 20;  // products of sides stay far from overflow

Error Refuse(const std::string& message) { return {Code::kInvalidArgument, message}; }

Status CheckRange(const char* field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return {};
  return Refuse(std::string(field) + ": expected an integer in [" + std::to_string(least) + ", " +
                std::to_string(most) + "], got " + std::to_string(value));
}

// The side that is asked for, or `otherwise` rounded down to what the model makes.
Result<uint32_t> Side(const char* field, int64_t asked, uint64_t otherwise, size_t factor) {
  const auto unit = static_cast<int64_t>(factor);
  if (asked == 0) {
    const auto side = static_cast<int64_t>(otherwise) / unit * unit;
    if (side == 0) {
      return Refuse("image: its " + std::string(field) + " is " + std::to_string(otherwise) +
                    ", at least " + std::to_string(unit) + " is needed");
    }
    return static_cast<uint32_t>(side);
  }
  MINNOW_RETURN_IF_ERROR(CheckRange(field, asked, unit, kMostSide));
  if (asked % unit != 0) {
    return Refuse(std::string(field) + ": expected a multiple of " + std::to_string(unit) +
                  ", got " + std::to_string(asked) + "; " + std::to_string(asked / unit * unit) +
                  " is the next below");
  }
  return static_cast<uint32_t>(asked);
}

Status SetSize(const ImageModel& model, const ImageRequest& request,
               const ImageRequestLimits& limits, ImageSettings& settings) {
  const size_t factor = model.factor();
  const uint64_t own = model.parts().unet().config().sample_size * factor;
  const bool has = request.image.has_value();
  MINNOW_ASSIGN_OR_RETURN(settings.width,
                          Side("width", request.width, has ? request.image->width : own, factor));
  MINNOW_ASSIGN_OR_RETURN(
      settings.height, Side("height", request.height, has ? request.image->height : own, factor));
  const uint64_t pixels = uint64_t{settings.width} * settings.height * settings.images;
  if (pixels > limits.max_pixels) {
    return Refuse("width: " + std::to_string(settings.images) + " of " +
                  std::to_string(settings.width) + "x" + std::to_string(settings.height) + " are " +
                  std::to_string(pixels) + " pixels, limit " + std::to_string(limits.max_pixels));
  }
  return {};
}

Status SetSeeds(ImageRequest& request, ImageSettings& settings) {
  if (request.seeds.empty()) {
    std::random_device device;
    request.seeds.push_back(device());
  }
  if (request.seeds.size() != 1 && request.seeds.size() != settings.images) {
    return Refuse("seed: expected one, or one for each of " + std::to_string(settings.images) +
                  " pictures, got " + std::to_string(request.seeds.size()));
  }
  settings.seeds = std::move(request.seeds);
  return {};
}

Status SetSteps(const ImageModel& model, const ImageRequest& request, ImageSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(settings.scheduler, model.Scheduler(request.scheduler));
  settings.run.steps = request.steps;
  settings.run.eta = request.eta;
  settings.run.lms_counts_run_steps = request.strength_rule == StrengthRule::kWebUi;
  // Steps beyond those of the training are refused before a strength may hide them.
  MINNOW_RETURN_IF_ERROR(NoiseScheduler::Make(settings.scheduler, settings.run));
  if (!request.image) return {};
  settings.strength = request.strength;
  MINNOW_ASSIGN_OR_RETURN(settings.first_step,
                          FirstStep(request.steps, request.strength, request.strength_rule));
  return {};
}

// A text encoder reads some hundred bytes; tokens are made of all of them. Other programs load what
// a prompt's marks name; read as text they would spoil the picture without a word.
Status CheckPrompt(const char* field, const std::string& prompt) {
  if (prompt.size() > ImageRequest::kMaxPromptBytes) {
    return Refuse(std::string(field) + ": " + std::to_string(prompt.size()) + " bytes, limit " +
                  std::to_string(ImageRequest::kMaxPromptBytes));
  }
  for (const char* tag : {"<lora:", "<lyco:", "<hypernet:"}) {
    if (prompt.find(tag) != std::string::npos) {
      return Refuse(std::string(field) + ": " + tag +
                    "...> is not supported; adapters (LoRA) are given when the model is loaded");
    }
  }
  return {};
}

// Where it counts for both prompts, 1 is for no layer, as in the programs that do so.
Status CheckClipSkip(const ImageModel& model, const ImageRequest& request) {
  const auto layers = static_cast<int64_t>(model.parts().text_encoder().config().layers);
  const int64_t none = request.clip_skip_of_negative ? 1 : 0;
  return CheckRange("clip_skip", request.clip_skip + none, none, layers - 1 + none);
}

Status CheckInput(const ImageModel& model, const ImageRequest& request) {
  MINNOW_RETURN_IF_ERROR(CheckPrompt("prompt", request.prompt));
  MINNOW_RETURN_IF_ERROR(CheckPrompt("negative_prompt", request.negative_prompt));
  if (request.mask && !request.image) return Refuse("mask: it needs an image");
  for (const auto* input : {&request.image, &request.mask}) {
    if (*input && ((*input)->width == 0 || (*input)->height == 0))
      return Refuse("image: it has no pixels");
  }
  if (request.image && request.image->channels < 3)
    return Refuse("image: expected RGB or RGBA pixels");
  if (!(request.guidance >= 0 && request.guidance <= kMostGuidance)) {
    return Refuse("guidance: expected a number in [0, " +
                  std::to_string(static_cast<int>(kMostGuidance)) + "]");
  }
  return CheckClipSkip(model, request);
}

// A UNet that inpaints is told what is around the mask.
Status CheckModel(const ImageModel& model, const ImageRequest& request) {
  const bool inpaints =
      model.parts().unet().config().in_channels != model.parts().vae().info().latent_channels;
  if (!inpaints || request.mask) return {};
  return Refuse("mask: this model paints in images, and needs one");
}

}  // namespace

void SpreadSeeds(ImageSettings& settings) {
  const uint64_t first = settings.seeds.front();
  for (size_t i = settings.seeds.size(); i < settings.images; ++i)
    settings.seeds.push_back(first + i);
}

Result<ImageSettings> CheckImageRequest(const ImageModel& model, ImageRequest request,
                                        const ImageRequestLimits& limits) {
  MINNOW_RETURN_IF_ERROR(CheckInput(model, request));
  MINNOW_RETURN_IF_ERROR(CheckModel(model, request));
  MINNOW_RETURN_IF_ERROR(CheckRange("images", request.images, 1, limits.max_images));
  ImageSettings settings;
  settings.images = static_cast<size_t>(request.images);
  MINNOW_RETURN_IF_ERROR(SetSize(model, request, limits, settings));
  MINNOW_RETURN_IF_ERROR(SetSteps(model, request, settings));
  MINNOW_RETURN_IF_ERROR(SetSeeds(request, settings));
  settings.guidance = request.guidance;
  settings.clip_skip = static_cast<size_t>(request.clip_skip);
  if (request.clip_skip_of_negative) settings.negative_clip_skip = settings.clip_skip;
  const size_t high = settings.height / model.factor(), wide = settings.width / model.factor();
  settings.tiled = NeedsVaeTiles(high, wide) &&
                   (request.tiling == VaeTiling::kAlways ||
                    (request.tiling == VaeTiling::kAuto && high * wide > kMostUntiledLatents));
  settings.prompt = std::move(request.prompt);
  settings.negative_prompt = std::move(request.negative_prompt);
  settings.image = std::move(request.image);
  settings.mask = std::move(request.mask);
  return settings;
}

}  // namespace minnow
