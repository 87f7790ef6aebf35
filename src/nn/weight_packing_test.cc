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

}  // namespace
}  // namespace minnow
