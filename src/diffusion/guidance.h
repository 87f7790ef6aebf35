// SPDX-License-Identifier: Apache-2.0
// What surrounds a scheduler's steps: where image to image begins, guidance, and masks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace minnow {

// How many of the steps a strength runs.
enum class StrengthRule {
  kDiffusers,  // trunc(steps * strength)
  kWebUi,      // one more, up to all: AUTOMATIC1111's and stable-diffusion.cpp's
};

// The first step to run, of `steps`, so that the last ones are run. Strength 1 runs all. An error
// names the field: strength outside [0, 1] or not a number, steps below 1, or so few of both that
// no step is left.
Result<int64_t> FirstStep(int64_t steps, double strength,
                          StrengthRule rule = StrengthRule::kDiffusers);

// Whether a model is asked twice, without and with the prompt.
inline bool HasGuidance(double scale) { return scale > 1; }

// out = without + scale * (with - without). `out` may be either.
void Guide(std::span<const float> without, std::span<const float> with, float scale,
           std::span<float> out);

// After a step, what is not to be repainted goes back to the original, noised as far as the
// latents are: latents = (1 - mask) * original + mask * latents, where the mask is 1 to repaint.
// `original` is what AddNoise gives for the scheduler's entry() after the step, by the noise that
// the run began with; clean once the scheduler is done().
//
// mask: [images or 1, pixels]; original, latents: [images, channels, pixels]
void BlendMask(std::span<const float> mask, std::span<const float> original, size_t images,
               size_t channels, std::span<float> latents);

}  // namespace minnow
