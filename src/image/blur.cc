// SPDX-License-Identifier: Apache-2.0
// A box has a side of 2 * radius + 1, where the radius may be a fraction: the pixels at both ends
// then count in part. Sums are integers in 8.24 bits.
#include "image/blur.h"

#include <algorithm>
#include <cmath>

namespace minnow {
namespace {

constexpr int kPasses = 3;
constexpr uint32_t kOne = uint32_t{1} << 24;

// Of boxes that together have about that deviation (Gwosdek et al. 2011, formulas 7 and 11).
float BoxRadius(float deviation) {
  const float variance = deviation * deviation / kPasses;
  const auto length = static_cast<float>(std::sqrt(12.0 * variance + 1.0));
  const auto whole = static_cast<float>(std::floor((length - 1.0) / 2.0));
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  part /= 6 * (variance - (whole + 1) * (whole + 1));
  return whole + part;
}

struct Box {
  explicit Box(float side)
      : radius(static_cast<int64_t>(side)),
        weight(static_cast<uint32_t>(static_cast<float>(kOne) / (side * 2 + 1))),
        end_weight((kOne - static_cast<uint32_t>(radius * 2 + 1) * weight) / 2) {}

  int64_t radius;
  uint32_t weight, end_weight;
};

// values, out: [size], `step` apart in an image
void BlurLine(const Box& box, const std::vector<uint8_t>& values, uint8_t* out, size_t step) {
  const auto last = static_cast<int64_t>(values.size()) - 1;
  const auto at = [&](int64_t i) {
    return uint32_t{values[static_cast<size_t>(std::clamp<int64_t>(i, 0, last))]};
  };
  const int64_t radius = std::min(box.radius, last + 1);
  // What a wider box would find beyond both ends is in the sum for good.
  const auto beyond = static_cast<uint32_t>(box.radius - radius);
  uint32_t sum = beyond * (at(0) + at(last));
  for (int64_t i = -radius - 1; i < radius; ++i) sum += at(i);
  for (int64_t x = 0; x <= last; ++x) {
    sum += at(x + radius) - at(x - radius - 1);
    const uint32_t ends = at(x - box.radius - 1) + at(x + box.radius + 1);
    out[static_cast<size_t>(x) * step] =
        static_cast<uint8_t>((sum * box.weight + ends * box.end_weight + (kOne >> 1)) >> 24);
  }
}

// `lines` of `size` pixels; from pixel to pixel and from line to line in bytes.
void BlurLines(const Box& box, size_t lines, size_t size, size_t line_step, size_t step,
               size_t channels, uint8_t* pixels) {
  std::vector<uint8_t> values(size);
  for (size_t line = 0; line < lines; ++line) {
    for (size_t channel = 0; channel < channels; ++channel) {
      uint8_t* const first = pixels + line * line_step + channel;
      for (int pass = 0; pass < kPasses; ++pass) {
        for (size_t i = 0; i < size; ++i) values[i] = first[i * step];
        BlurLine(box, values, first, step);
      }
    }
  }
}

}  // namespace

Image Blur(const Image& image, double radius_x, double radius_y) {
  Image out = image;
  const size_t pixel = image.channels, row = image.row_bytes();
  if (radius_x > 0) {
    const Box box(BoxRadius(static_cast<float>(radius_x)));
    BlurLines(box, image.height, image.width, row, pixel, pixel, out.pixels.data());
  }
  if (radius_y > 0) {
    const Box box(BoxRadius(static_cast<float>(radius_y)));
    BlurLines(box, image.width, image.height, pixel, row, pixel, out.pixels.data());
  }
  return out;
}

}  // namespace minnow
