// SPDX-License-Identifier: Apache-2.0
#include "nn/weight_packing.h"

#include <gtest/gtest.h>

#include <algorithm>
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

// Two panels, the second with one column.
TEST(WeightPackingTest, PanelsOfBytesAreNearTheirFloats) {
  constexpr size_t kIn = 5, kOut = 17, kCount = kIn * 32;
  std::vector<float> panels(kCount);
  for (size_t i = 0; i < kCount; ++i)
    panels[i] = i / (kIn * 16) * 16 + i % 16 < kOut ? std::sin(static_cast<float>(i)) * (i % 7) : 0;
  std::vector<int8_t> integers(kCount);
  std::vector<float> scales(32), back(kCount);
  ShrinkPanels(panels.data(), kIn, kOut, integers.data(), scales.data());
  ExpandPanels(integers.data(), scales.data(), kIn, kOut, back.data());
  for (size_t i = 0; i < kCount; ++i) {
    const float scale = scales[i / (kIn * 16) * 16 + i % 16];
    EXPECT_LE(std::fabs(back[i] - panels[i]), scale * 0.501f) << i;
  }
  EXPECT_EQ(scales[17], 0);
  // What is no number makes its whole column none, and the same again is the same.
  panels = back;
  panels[0] = NAN;
  panels[1] = INFINITY;
  ShrinkPanels(panels.data(), kIn, kOut, integers.data(), scales.data());
  ExpandPanels(integers.data(), scales.data(), kIn, kOut, back.data());
  for (size_t i = 0; i < kCount; ++i) {
    const size_t column = i / (kIn * 16) * 16 + i % 16;
    if (column < 2) {
      EXPECT_TRUE(std::isnan(back[i])) << i;
    } else {
      EXPECT_NEAR(back[i], panels[i], 1e-5f) << i;
    }
  }
}

// Groups of one row need not be alike: 1/8 of the widest scale is the narrowest.
TEST(WeightPackingTest, Int4GroupsHaveScalesOfTheirOwn) {
  constexpr size_t kGroups = 3, kColumns = kGroups * kInt4Group;
  const float widths[] = {8.0f, 1.0f, 3.0f};
  std::vector<float> row(kColumns);
  for (size_t c = 0; c < kColumns; ++c)
    row[c] = widths[c / kInt4Group] * std::sin(static_cast<float>(c * c));
  std::vector<uint8_t> nibbles(EmbeddingTable::RowBytes(TableType::kInt4, kColumns));
  std::vector<uint8_t> scales(EmbeddingTable::Int4ScaleBytes(kColumns));
  ASSERT_EQ(scales.size(), 3u);
  PackTableInt4(row.data(), 1, kColumns, nibbles.data(), scales.data());
  for (size_t g = 0; g < kGroups; ++g) {
    const unsigned code = (g % 2 == 0 ? scales[1 + g / 2] : scales[1 + g / 2] >> 4) & 15u;
    const float range = 8 * std::fabs(Int4GroupScale(Int4RowScale(scales[0]), code));
    EXPECT_GT(range, widths[g] * 0.6f) << g;
    EXPECT_LT(range, widths[g] * 1.5f) << g;
  }
  EXPECT_EQ(scales[2] >> 4, 0);
  // Rows of zeros, of the smallest and of the largest numbers.
  for (const float x : {0.0f, 1e-9f, 1e9f, INFINITY, NAN}) {
    std::fill(row.begin(), row.end(), x);
    PackTableInt4(row.data(), 1, kColumns, nibbles.data(), scales.data());
    EXPECT_TRUE(std::isfinite(Int4RowScale(scales[0]))) << x;
  }
}

}  // namespace
}  // namespace minnow
