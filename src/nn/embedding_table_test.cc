// SPDX-License-Identifier: Apache-2.0
#include "nn/embedding_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace minnow {
namespace {

TEST(EmbeddingTableTest, HalfPrecisionValues) {
  EXPECT_EQ(FloatFromF16(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(FloatFromF16(0x8000)));
  EXPECT_EQ(FloatFromF16(0x3c00), 1.0f);
  EXPECT_EQ(FloatFromF16(0xc000), -2.0f);
  EXPECT_EQ(FloatFromF16(0x7bff), 65504.0f);
  EXPECT_EQ(FloatFromF16(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(FloatFromF16(0x83ff), -std::ldexp(1023.0f, -24));
  EXPECT_TRUE(std::isinf(FloatFromF16(0x7c00)));
  EXPECT_TRUE(std::isnan(FloatFromF16(0x7e00)));
  EXPECT_EQ(FloatFromBF16(0x3f80), 1.0f);
  EXPECT_EQ(FloatFromBF16(0xc040), -3.0f);
}

TEST(EmbeddingTableTest, RowsMayBeUnaligned) {
  const float values[] = {1, 2, 3, 4, 5, 6};
  std::vector<std::byte> bytes(sizeof values + 1);
  std::memcpy(bytes.data() + 1, values, sizeof values);
  const EmbeddingTable table(bytes.data() + 1, TableType::kF32, 2, 3);
  std::vector<float> out(3);
  table.Copy(1, out.data());
  EXPECT_EQ(out, (std::vector<float>{4, 5, 6}));
  table.Add(0, out.data());
  EXPECT_EQ(out, (std::vector<float>{5, 7, 9}));
}

TEST(EmbeddingTableTest, HalfPrecisionRows) {
  const uint16_t values[] = {0x3c00, 0x4000, 0xbc00, 0x0000};
  const EmbeddingTable table(reinterpret_cast<const std::byte*>(values), TableType::kF16, 2, 2);
  std::vector<float> out(2);
  table.Copy(1, out.data());
  EXPECT_EQ(out, (std::vector<float>{-1, 0}));
  const uint16_t brain[] = {0x3f80, 0x4000};
  EmbeddingTable(reinterpret_cast<const std::byte*>(brain), TableType::kBF16, 1, 2)
      .Add(0, out.data());
  EXPECT_EQ(out, (std::vector<float>{0, 2}));
}

}  // namespace
}  // namespace minnow
