// SPDX-License-Identifier: Apache-2.0
#include "image/tensor.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "image/transform.h"

namespace minnow {
namespace {

constexpr size_t kPlanes = 3;
constexpr int kHalfGrey = 128;  // the first value that is 0.5 or more when divided by 255

// Every value that a byte may have, in the order of operations that diffusers has.
std::array<float, 256> ByteValues(ValueRange range) {
  std::array<float, 256> values;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i) / 255.0f;
    if (range == ValueRange::kMinusOneToOne) values[i] = 2.0f * values[i] - 1.0f;
  }
  return values;
}

uint8_t ToByte(float value, ValueRange range, ValueRounding rounding) {
  if (range == ValueRange::kMinusOneToOne) value = value * 0.5f + 0.5f;
  value = value >= 0.0f ? std::min(value, 1.0f) : 0.0f;  // NaN: 0
  value *= 255.0f;
  if (rounding == ValueRounding::kTruncate) return static_cast<uint8_t>(value);
  // Beyond 2^23 fp32 holds whole numbers only; the addition rounds, half to even.
  constexpr float kWhole = 8388608.0f;
  return static_cast<uint8_t>((value + kWhole) - kWhole);
}

std::vector<size_t> NearestLatents(uint32_t from, uint32_t to) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  std::vector<size_t> pixels(to);
  for (size_t i = 0; i < to; ++i) {
    pixels[i] = std::min<size_t>(static_cast<size_t>(static_cast<float>(i) * scale), from - 1);
  }
  return pixels;
}

}  // namespace

void ToPlanes(const Image& image, ValueRange range, std::span<float> planes) {
  const size_t pixels = size_t{image.width} * image.height;
  CHECK(image.channels >= kPlanes && planes.size() == kPlanes * pixels);
  const auto values = ByteValues(range);
  for (size_t c = 0; c < kPlanes; ++c) {
    float* plane = planes.data() + c * pixels;
    const uint8_t* from = image.pixels.data() + c;
    for (size_t i = 0; i < pixels; ++i) plane[i] = values[from[i * image.channels]];
  }
}

Image FromPlanes(std::span<const float> planes, uint32_t width, uint32_t height, ValueRange range,
                 ValueRounding rounding) {
  const size_t pixels = size_t{width} * height;
  CHECK(planes.size() == kPlanes * pixels);
  Image image = NewImage(width, height, kPlanes);
  for (size_t c = 0; c < kPlanes; ++c) {
    const float* plane = planes.data() + c * pixels;
    uint8_t* to = image.pixels.data() + c;
    for (size_t i = 0; i < pixels; ++i) to[i * kPlanes] = ToByte(plane[i], range, rounding);
  }
  return image;
}

void ToLatentMask(const Image& image, uint32_t width, uint32_t height, std::span<float> mask) {
  CHECK(image.width > 0 && image.height > 0 && mask.size() == size_t{width} * height);
  const Image grey = ToGrey(image);
  const auto columns = NearestLatents(image.width, width);
  const auto rows = NearestLatents(image.height, height);
  float* to = mask.data();
  for (const size_t y : rows) {
    for (const size_t x : columns) *to++ = grey.row(y)[x] >= kHalfGrey ? 1.0f : 0.0f;
  }
}

}  // namespace minnow
