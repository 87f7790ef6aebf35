// SPDX-License-Identifier: Apache-2.0
#include "nn/weight_packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "nn/embedding_table.h"

namespace minnow {
namespace {

TEST(WeightPackingTest, Bf16RoundsToNearestEven) {
  EXPECT_EQ(RoundToBf16(1.0f), 0x3f80);
  EXPECT_EQ(RoundToBf16(1.0f + 1.0f / 256), 0x3f80);  // half way: to even
  EXPECT_EQ(RoundToBf16(1.0f + 3.0f / 256), 0x3f82);
  EXPECT_EQ(RoundToBf16(-2.0f), 0xc000);
  EXPECT_EQ(RoundToBf16(INFINITY), 0x7f80);
  EXPECT_TRUE((RoundToBf16(NAN) & 0x7fff) > 0x7f80);
}

TEST(WeightPackingTest, F16RoundTripsEveryHalf) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FloatFromF16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    EXPECT_EQ(RoundToF16(value), bits) << value;
  }
  EXPECT_EQ(RoundToF16(1.0f + 1.0f / 2048), 0x3c00);  // half way: to even
  EXPECT_EQ(RoundToF16(1e6f), 0x7c00);
}

TEST(WeightPackingTest, Bf16Layout) {
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6};  // [2, 3]
  std::vector<uint16_t> packed(PackedWeightBytes(Dtype::kBF16, 3, 2) / 2, 0xffff);
  PackBf16(weight.data(), 2, 3, packed.data());
  ASSERT_EQ(packed.size(), 16u * 2 * 2);
  EXPECT_EQ(packed[0], RoundToBf16(1));
  EXPECT_EQ(packed[1], RoundToBf16(2));
  EXPECT_EQ(packed[2], RoundToBf16(4));
  EXPECT_EQ(packed[32], RoundToBf16(3));
  EXPECT_EQ(packed[33], 0);  // beyond K
  EXPECT_EQ(packed[4], 0);   // beyond N
}

TEST(WeightPackingTest, Int8RestoresTheWeightWithinHalfAStep) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  const size_t n = 19, k = 37, words = 10;
  std::vector<float> weight(n * k);
  for (float& w : weight) w = normal(generator);
  std::vector<int8_t> packed(PackedWeightBytes(Dtype::kInt8, k, n));
  std::vector<float> scale(32), sum(32);
  PackInt8(weight.data(), n, k, packed.data(), scale.data(), sum.data());
  for (size_t row = 0; row < n; ++row) {
    float total = 0;
    for (size_t i = 0; i < k; ++i) {
      const int8_t q = packed[(row / 16 * words * 16 + i / 4 * 16 + row % 16) * 4 + i % 4];
      const float restored = scale[row] * q;
      total += restored;
      const int8_t neighbour =
          packed[(row / 16 * words * 16 + i / 4 * 16 + row % 16) * 4 + (i % 4 ^ 1)];
      EXPECT_LE(std::abs(q) + std::abs(neighbour), kInt8PairSum);
      // What was clipped lies at the end of the range, alone or with its neighbour.
      if (std::abs(q) < 127 && std::abs(q) + std::abs(neighbour) < kInt8PairSum) {
        EXPECT_LE(std::fabs(restored - weight[row * k + i]), scale[row] * 0.5001f);
      }
      EXPECT_NEAR(restored, weight[row * k + i],
                  0.35f * std::fabs(weight[row * k + i]) + scale[row]);
    }
    EXPECT_NEAR(sum[row], total, 1e-4f);
  }
  for (size_t row = n; row < 32; ++row) EXPECT_EQ(scale[row], 0.0f);
}

TEST(WeightPackingTest, HeavyPairsAreMadeLighter) {
  // Pairs of the largest weights, of either sign, among small ones.
  std::vector<float> weight(64, 0.01f);
  weight[0] = 1.0f, weight[1] = 1.0f;
  weight[2] = -1.0f, weight[3] = 0.9f;
  weight[5] = -1.0f, weight[6] = -1.0f;  // two pairs
  weight[8] = 3.0e38f, weight[9] = 3.0e38f;
  for (const float largest : {1.0f, 3.0e38f}) {
    if (largest == 1.0f) weight[8] = weight[9] = 0.5f;
    std::vector<int8_t> packed(PackedWeightBytes(Dtype::kInt8, 64, 1));
    std::vector<float> scale(16), sum(16);
    PackInt8(weight.data(), 1, 64, packed.data(), scale.data(), sum.data());
    for (size_t k = 0; k < 64; k += 2) {
      const int first = packed[k / 4 * 64 + k % 4], second = packed[k / 4 * 64 + k % 4 + 1];
      EXPECT_LE(std::abs(first) + std::abs(second), kInt8PairSum) << k;
      if (largest != 1.0f) continue;
      EXPECT_NEAR(scale[0] * first, weight[k], 0.1f) << k;
      EXPECT_NEAR(scale[0] * second, weight[k + 1], 0.1f) << k;
    }
    weight[8] = weight[9] = 3.0e38f;
  }
}

TEST(WeightPackingTest, Int8OfZerosAndOfNonFiniteWeightsIsDefined) {
  std::vector<float> weight(2 * 8, 0.0f);
  weight[8] = NAN;
  weight[9] = INFINITY;
  std::vector<int8_t> packed(PackedWeightBytes(Dtype::kInt8, 8, 2));
  std::vector<float> scale(16), sum(16);
  PackInt8(weight.data(), 2, 8, packed.data(), scale.data(), sum.data());
  EXPECT_EQ(scale[0], 0.0f);
  EXPECT_EQ(sum[0], 0.0f);
}

}  // namespace
}  // namespace minnow
