// SPDX-License-Identifier: Apache-2.0
// FeatureMap: activations of a batch of images, channels last: [images, height, width, stride].
//
// A view; who takes it of an Arena says how long it lives. Tokens of a text are a map of height 1.
#pragma once

#include <cstddef>

#include "nn/dtype.h"
#include "nn/linear.h"

namespace minnow {

// Channels of an image in front of a convolution: whole words of every precision.
constexpr size_t RoundUpChannels(size_t channels) { return (channels + 3) / 4 * 4; }

struct FeatureMap {
  std::byte* data = nullptr;  // null in a pass that plans
  Dtype type = Dtype::kF32;   // of the elements: kF32 or kBF16
  size_t images = 0;
  size_t height = 0;
  size_t width = 0;
  size_t channels = 0;

  // Elements from pixel to pixel; those beyond the channels are zero.
  size_t stride() const { return PaddedColumns(channels); }
  size_t image_pixels() const { return height * width; }
  size_t pixels() const { return images * image_pixels(); }
  size_t pixel_bytes() const { return stride() * (type == Dtype::kBF16 ? 2 : 4); }
  size_t bytes() const { return pixels() * pixel_bytes(); }
};

}  // namespace minnow
