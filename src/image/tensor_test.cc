// SPDX-License-Identifier: Apache-2.0
#include "image/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace minnow {
namespace {

TEST(ImageTensor, EveryByteComesBack) {
  Image image = NewImage(256, 2, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 7);
  std::vector<float> planes(image.pixels.size());
  for (const auto range : {ValueRange::kZeroToOne, ValueRange::kMinusOneToOne}) {
    ToPlanes(image, range, planes);
    const Image back = FromPlanes(planes, 256, 2, range, ValueRounding::kHalfToEven);
    EXPECT_EQ(back.pixels, image.pixels);
    EXPECT_EQ(back.channels, 3u);
  }
}

TEST(ImageTensor, PlanesStandOneAfterTheOther) {
  Image image = NewImage(2, 1, 4);
  image.pixels = {0, 255, 51, 9, 255, 0, 102, 8};
  std::vector<float> planes(6);
  ToPlanes(image, ValueRange::kZeroToOne, planes);
  EXPECT_EQ(planes, (std::vector<float>{0, 1, 1, 0, 51 / 255.0f, 102 / 255.0f}));
  ToPlanes(image, ValueRange::kMinusOneToOne, planes);
  EXPECT_EQ(planes[0], -1.0f);
  EXPECT_EQ(planes[1], 1.0f);
  EXPECT_EQ(planes[4], 2.0f * (51 / 255.0f) - 1.0f);
}

uint8_t First(float value, ValueRange range, ValueRounding rounding) {
  return FromPlanes(std::vector<float>{value, 0, 0}, 1, 1, range, rounding).pixels[0];
}

TEST(ImageTensor, RoundsHalfToEvenOrCuts) {
  for (int i = 0; i <= 2000; ++i) {
    const float value = static_cast<float>(i) / 2000.0f;
    EXPECT_EQ(First(value, ValueRange::kZeroToOne, ValueRounding::kHalfToEven),
              static_cast<uint8_t>(std::nearbyintf(value * 255.0f)));
    EXPECT_EQ(First(value, ValueRange::kZeroToOne, ValueRounding::kTruncate),
              static_cast<uint8_t>(value * 255.0f));
  }
  // 127.5, halfway between two bytes.
  EXPECT_EQ(First(0.0f, ValueRange::kMinusOneToOne, ValueRounding::kHalfToEven), 128);
  EXPECT_EQ(First(0.0f, ValueRange::kMinusOneToOne, ValueRounding::kTruncate), 127);
  EXPECT_EQ(First(0.5f / 255.0f, ValueRange::kZeroToOne, ValueRounding::kHalfToEven), 0);
}

TEST(ImageTensor, ValuesOutsideAreCutOff) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto rounding : {ValueRounding::kHalfToEven, ValueRounding::kTruncate}) {
    for (const float value : {1.0f, 1.5f, 1e30f, infinity}) {
      EXPECT_EQ(First(value, ValueRange::kMinusOneToOne, rounding), 255);
    }
    for (const float value : {-1.0f, -2.0f, -infinity, std::nanf("")}) {
      EXPECT_EQ(First(value, ValueRange::kMinusOneToOne, rounding), 0);
    }
  }
}

TEST(ImageTensor, MasksPickAsTorchDoes) {
  Image mask = NewImage(5, 3, 1);
  for (size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = i % 2 == 0 ? 127 : 128;
  std::vector<float> latent(2 * 2);
  ToLatentMask(mask, 2, 2, latent);  // columns 0 and 2, rows 0 and 1
  EXPECT_EQ(latent, (std::vector<float>{0, 0, 1, 1}));
  std::vector<float> larger(10 * 3);
  ToLatentMask(mask, 10, 3, larger);
  for (size_t i = 0; i < larger.size(); ++i) {
    EXPECT_EQ(larger[i], mask.pixels[i / 10 * 5 + i % 10 / 2] == 128 ? 1.0f : 0.0f);
  }
}

}  // namespace
}  // namespace minnow
