// SPDX-License-Identifier: Apache-2.0
#include "diffusion/guidance.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace minnow {
namespace {

// Steps that nothing runs; below it every product with a strength is exact enough to truncate.
constexpr int64_t kMostSteps = int64_t{1} << 31;
constexpr double kMostWebUiStrength = 0.999;

}  // namespace

Result<int64_t> FirstStep(int64_t steps, double strength, StrengthRule rule) {
  if (steps < 1 || steps > kMostSteps) {
    return Error{Code::kInvalidArgument,
                 "steps: expected an integer of 1 or more, got " + std::to_string(steps)};
  }
  if (!(strength >= 0 && strength <= 1)) {
    return Error{Code::kInvalidArgument, "strength: expected a number in [0, 1]"};
  }
  if (rule == StrengthRule::kWebUi) {
    const double part = std::min(strength, kMostWebUiStrength);
    return steps - 1 - static_cast<int64_t>(part * static_cast<double>(steps));
  }
  const auto run = static_cast<int64_t>(static_cast<double>(steps) * strength);
  if (run == 0) {
    return Error{Code::kInvalidArgument,
                 "strength: steps * strength must be at least 1, or no step is run; steps is " +
                     std::to_string(steps)};
  }
  return steps - std::min(run, steps);
}

void Guide(std::span<const float> without, std::span<const float> with, float scale,
           std::span<float> out) {
  CHECK(without.size() == out.size() && with.size() == out.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = without[i] + scale * (with[i] - without[i]);
}

void BlendMask(std::span<const float> mask, std::span<const float> original, size_t images,
               size_t channels, std::span<float> latents) {
  CHECK(images > 0 && channels > 0 && original.size() == latents.size());
  const size_t pixels = latents.size() / images / channels;
  CHECK(pixels * images * channels == latents.size());
  CHECK(mask.size() == pixels || mask.size() == pixels * images);
  const bool of_all = mask.size() == pixels;
  for (size_t plane = 0; plane < images * channels; ++plane) {
    const float* const m = mask.data() + (of_all ? 0 : plane / channels * pixels);
    for (size_t i = 0; i < pixels; ++i) {
      const size_t at = plane * pixels + i;
      latents[at] = (1.0f - m[i]) * original[at] + m[i] * latents[at];
    }
  }
}

}  // namespace minnow
