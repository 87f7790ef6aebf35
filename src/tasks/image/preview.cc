// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/preview.h"

#include <algorithm>
#include <vector>

#include "image/tensor.h"

namespace minnow {
namespace {

constexpr size_t kChannels = 4;
// What a latent adds to red, green and blue: what VAEs of Stable Diffusion 1 decode to, fitted by
// least squares.
constexpr float kFactors[kChannels][3] = {{0.298f, 0.207f, 0.208f},
                                          {0.187f, 0.286f, 0.173f},
                                          {-0.158f, 0.189f, 0.264f},
                                          {-0.184f, -0.271f, -0.473f}};

}  // namespace

std::optional<Image> PreviewOf(std::span<const float> latents, size_t channels, size_t height,
                               size_t width) {
  const size_t pixels = height * width;
  if (channels != kChannels || latents.size() != channels * pixels) return std::nullopt;
  std::vector<float> planes(3 * pixels);
  for (size_t c = 0; c < kChannels; ++c) {
    for (size_t rgb = 0; rgb < 3; ++rgb) {
      for (size_t i = 0; i < pixels; ++i)
        planes[rgb * pixels + i] += kFactors[c][rgb] * latents[c * pixels + i];
    }
  }
  return FromPlanes(planes, static_cast<uint32_t>(width), static_cast<uint32_t>(height),
                    ValueRange::kMinusOneToOne, ValueRounding::kHalfToEven);
}

}  // namespace minnow
