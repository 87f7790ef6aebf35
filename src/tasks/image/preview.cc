// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/preview.h"

#include <algorithm>
#include <vector>

#include "image/tensor.h"

namespace minnow {
namespace {

constexpr size_t kChannels = 4, kRgb = 3;
// What a latent adds to red, green and blue: what VAEs of Stable Diffusion 1 decode to, fitted by
// least squares.
constexpr float kFactors[kChannels][3] = {{0.298f, 0.207f, 0.208f},
                                          {0.187f, 0.286f, 0.173f},
                                          {-0.158f, 0.189f, 0.264f},
                                          {-0.184f, -0.271f, -0.473f}};

// Averages of blocks, those at the edges of what there is; as the VAE takes them.
void Shrink(const VaeInfo& vae, std::span<const float> latents, size_t height, size_t width,
            size_t block, float* small) {
  const size_t planes = latents.size() / (height * width);
  for (size_t plane = 0; plane < planes; ++plane) {
    const float* const from = latents.data() + plane * height * width;
    for (size_t top = 0; top < height; top += block) {
      const size_t bottom = std::min(top + block, height);
      for (size_t left = 0; left < width; left += block) {
        const size_t right = std::min(left + block, width);
        float sum = 0;
        for (size_t y = top; y < bottom; ++y) {
          for (size_t x = left; x < right; ++x) sum += from[y * width + x];
        }
        const float mean = sum / static_cast<float>((bottom - top) * (right - left));
        *small++ = mean / vae.scaling_factor + vae.shift_factor;
      }
    }
  }
}

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

std::optional<Image> PreviewBy(const Vae& vae, ImageOps& ops, std::span<const float> latents,
                               size_t height, size_t width) {
  const ArenaScope scope(ops.arena());
  const auto take = [&](size_t floats) {
    return reinterpret_cast<float*>(ops.arena().Take(floats * sizeof(float)));
  };
  const VaeInfo& info = vae.info();
  const size_t block = (std::max(height, width) + kMostPreviewSide - 1) / kMostPreviewSide;
  const size_t rows = (height + block - 1) / block, columns = (width + block - 1) / block;
  const size_t pixels = rows * columns * info.factor * info.factor;
  float* const small = take(info.latent_channels * rows * columns);
  float* const planes = take(kRgb * pixels);
  if (!ops.planning()) Shrink(info, latents, height, width, block, small);
  vae.Decode(ops, small, 1, rows, columns, planes);
  if (ops.planning() || ops.stopped()) return std::nullopt;
  return FromPlanes({planes, kRgb * pixels}, static_cast<uint32_t>(columns * info.factor),
                    static_cast<uint32_t>(rows * info.factor), ValueRange::kMinusOneToOne,
                    ValueRounding::kHalfToEven);
}

}  // namespace minnow
