// SPDX-License-Identifier: Apache-2.0
// ImageRequest: what somebody wants a picture of; and ImageSettings, the same once it was checked
// and what was left open was filled in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "diffusion/guidance.h"
#include "diffusion/scheduler.h"
#include "image/image.h"
#include "tasks/image/image_model.h"

namespace minnow {

// Whether a VAE works in tiles (models/vae/tiling.h).
enum class VaeTiling {
  kAuto,  // above kMostUntiledLatents
  kAlways,
  kNever
};

// Latent pixels of a picture that is not tiled by itself: 1024x1024 where the VAE's factor is 8.
inline constexpr size_t kMostUntiledLatents = 128 * 128;

struct ImageRequest {
  static constexpr size_t kMaxPromptBytes = size_t{1} << 16;

  std::string prompt;
  std::string negative_prompt;
  // What to begin with; none: with noise alone. Its size is the picture's where none is given,
  // rounded down to a multiple of the VAE's factor; else it is resized.
  std::optional<Image> image;
  // Where it is at least half white, the image is painted anew; needs an image. Of any size.
  std::optional<Image> mask;
  double strength = 0.8;  // without an image nothing is made of it
  int64_t steps = 50;
  double guidance = 7.5;
  std::string scheduler;  // one of SchedulerNames(); empty: the model's own
  // One for all pictures, or one for each, which is then as it would be alone; none: one is drawn.
  std::vector<uint64_t> seeds;
  int64_t width = 0;  // 0: of the image, or what the model was trained with
  int64_t height = 0;
  int64_t images = 1;  // pictures side by side
  double eta = 0;
  int64_t clip_skip = 0;  // layers of the text encoder that the prompt does without
  // The negative prompt does without them too, and messages count them from 1: the A1111 web UI's
  // way, not that of diffusers.
  bool clip_skip_of_negative = false;
  VaeTiling tiling = VaeTiling::kAuto;
  StrengthRule strength_rule = StrengthRule::kDiffusers;
};

struct ImageRequestLimits {
  uint64_t max_pixels = uint64_t{16} << 20;  // of all pictures together
  int64_t max_images = 16;
};

struct ImageSettings {
  std::string prompt;
  std::string negative_prompt;
  std::optional<Image> image;
  std::optional<Image> mask;
  uint32_t width = 0;
  uint32_t height = 0;
  size_t images = 1;
  double strength = 1;
  int64_t first_step = 0;  // of run.steps
  double guidance = 1;
  SchedulerConfig scheduler;
  SchedulerRun run;
  std::vector<uint64_t> seeds;  // one, or one for each picture
  size_t clip_skip = 0;
  size_t negative_clip_skip = 0;
  bool tiled = false;

  int64_t steps_to_run() const { return run.steps - first_step; }
};

// Where one seed was given for several pictures: the i-th gets the seed + i, so that it can be made
// again alone.
void SpreadSeeds(ImageSettings& settings);

// Errors name the field and the limit.
Result<ImageSettings> CheckImageRequest(const ImageModel& model, ImageRequest request,
                                        const ImageRequestLimits& limits = {});

}  // namespace minnow
