// SPDX-License-Identifier: Apache-2.0
// Images as models take them and give them: planes of fp32, one a channel. Pure functions;
// thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "image/image.h"

namespace minnow {

enum class ValueRange {
  kZeroToOne,      // TAESD
  kMinusOneToOne,  // AutoencoderKL
};

enum class ValueRounding {
  kHalfToEven,  // diffusers
  kTruncate,    // the A1111 web UI
};

// planes: [3, height, width] f32. REQUIRES: `image` has three or more channels.
void ToPlanes(const Image& image, ValueRange range, std::span<float> planes);

// RGB. Values outside of the range are cut off; NaN becomes 0. planes: [3, height, width] f32.
Image FromPlanes(std::span<const float> planes, uint32_t width, uint32_t height, ValueRange range,
                 ValueRounding rounding);

// A mask in the size of a latent, as torch's nearest interpolation picks pixels: 1 where the grey
// is at least half, else 0. mask: [height, width] f32.
void ToLatentMask(const Image& image, uint32_t width, uint32_t height, std::span<float> mask);

}  // namespace minnow
