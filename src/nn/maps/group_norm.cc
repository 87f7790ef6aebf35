// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/group_norm.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "nn/maps/map_elements.h"
#include "nn/maps/map_product.h"

namespace minnow {
namespace {

constexpr size_t kPixelsOfATask = 256;
constexpr size_t kPixelsOfASum = 1024;  // fp32 sums; they are joined in double

struct Moments {
  double mean, square;  // of the deviations from the mean
};

// Of one channel: `sums` and `squares` of deviations from the pivot, `step` floats from block to
// block.
Moments JoinBlocks(const float* sums, const float* squares, size_t step, size_t blocks,
                   double pixels, double pivot) {
  double sum = 0, square = 0;
  for (size_t b = 0; b < blocks; ++b) {
    sum += sums[b * step];
    square += squares[b * step];
  }
  const double mean = sum / pixels;
  return {pivot + mean, std::max(0.0, square / pixels - mean * mean)};
}

// parts: [blocks][sum, squares][channels] of one image.
void JoinGroups(const GroupNorm& norm, const float* parts, size_t blocks, size_t channels,
                size_t pixels, const float* pivot, float* scale, float* shift) {
  const size_t width = channels / norm.groups;
  for (size_t first = 0; first < channels; first += width) {
    double sum = 0, square = 0, squares_of_means = 0;
    const double reference = pivot[first];
    for (size_t c = first; c < first + width; ++c) {
      const Moments m = JoinBlocks(parts + c, parts + channels + c, 2 * channels, blocks,
                                   static_cast<double>(pixels), pivot[c]);
      sum += m.mean - reference;
      squares_of_means += (m.mean - reference) * (m.mean - reference);
      square += m.square;
    }
    const double count = static_cast<double>(width), mean = sum / count;
    const double variance = square / count + std::max(0.0, squares_of_means / count - mean * mean);
    const double factor = 1.0 / std::sqrt(variance + static_cast<double>(norm.epsilon));
    for (size_t c = first; c < first + width; ++c) {
      const double gamma = norm.gamma[c] * factor;
      scale[c] = static_cast<float>(gamma);
      shift[c] = static_cast<float>(norm.beta[c] - (mean + reference) * gamma);
    }
  }
}

}  // namespace

GroupNormLines MeasureGroupNorm(ImageOps& ops, OpThreads& threads, const FeatureMap& first,
                                const FeatureMap* second, const GroupNorm& norm) {
  const size_t channels = first.channels + (second != nullptr ? second->channels : 0);
  const size_t pixels = first.image_pixels(), images = first.images;
  const size_t blocks = (pixels + kPixelsOfASum - 1) / kPixelsOfASum;
  CHECK(norm.groups > 0 && channels % norm.groups == 0);
  const auto take = [&](size_t floats) {
    return reinterpret_cast<float*>(ops.arena().Take(floats * sizeof(float)));
  };
  const GroupNormLines lines = {take(images * channels), take(images * channels)};
  const ArenaScope scope(ops.arena());
  float* pivot = take(images * channels);
  float* parts = take(images * blocks * 2 * channels);
  if (ops.planning()) return lines;
  const MapElementKernels& kernels = *ops.kernels().map_elements;
  // The first pixel of an image stands in for its mean, so that squares stay small beside it.
  const auto of_each_map = [&](const auto& function) {
    function(first, 0);
    if (second != nullptr) function(*second, first.channels);
  };
  threads.Run(images * blocks, [&](size_t, size_t task) {
    const size_t image = task / blocks, from = task % blocks * kPixelsOfASum;
    of_each_map([&](const FeatureMap& map, size_t channel) {
      float* pivots = parts + task * 2 * channels + channel;  // until the sums overwrite them
      const MapElement element = ElementOf(map.type);
      for (size_t c = 0; c < map.channels; ++c)
        pivots[c] = GetElement(ElementAt(map, image * pixels), element, c);
      if (from == 0) std::copy_n(pivots, map.channels, pivot + image * channels + channel);
      const MapSums sums = {.x = ElementAt(map, image * pixels + from),
                            .element = element,
                            .x_stride = map.stride(),
                            .rows = std::min(kPixelsOfASum, pixels - from),
                            .channels = map.channels,
                            .pivot = pivots,
                            .sum = pivots,
                            .squares = pivots + channels};
      kernels.sums(&sums);
    });
  });
  if (IsSet(threads.stop())) return lines;
  for (size_t image = 0; image < images; ++image) {
    JoinGroups(norm, parts + image * blocks * 2 * channels, blocks, channels, pixels,
               pivot + image * channels, lines.scale + image * channels,
               lines.shift + image * channels);
  }
  return lines;
}

void ImageOps::Normalize(const FeatureMap& x, const GroupNorm& norm, FeatureMap& y) {
  const ArenaScope scope(arena_);
  const GroupNormLines lines = MeasureGroupNorm(*this, threads_, x, nullptr, norm);
  if (planning()) return;
  const size_t pixels = x.image_pixels(), blocks = (pixels + kPixelsOfATask - 1) / kPixelsOfATask;
  threads_.Run(x.images * blocks, [&](size_t, size_t task) {
    const size_t image = task / blocks;
    const Part part = PartOf(pixels, 1, blocks, task % blocks);
    const size_t first = image * pixels + part.first;
    const MapAffine args = {.x = ElementAt(x, first),
                            .x_element = ElementOf(x.type),
                            .x_stride = x.stride(),
                            .from = nullptr,
                            .scale = lines.scale + image * x.channels,
                            .shift = lines.shift + image * x.channels,
                            .activation = kMatmulNone,
                            .y = ElementAt(y, first),
                            .y_element = ElementOf(y.type),
                            .y_stride = y.stride(),
                            .rows = part.size,
                            .channels = x.channels};
    kernels_.map_elements->affine(&args);
    ZeroPadding(y, first, part.size);
  });
}

}  // namespace minnow
