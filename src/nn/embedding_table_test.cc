// SPDX-License-Identifier: Apache-2.0
#include "nn/embedding_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "nn/int8_packing.h"
#include "nn/weight_packing.h"

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
  out.assign(out.size(), 0.0f);
  table.Add(ActiveKernels(), 1, out.data());
  EXPECT_EQ(out, (std::vector<float>{4, 5, 6}));
  table.Add(ActiveKernels(), 0, out.data());
  EXPECT_EQ(out, (std::vector<float>{5, 7, 9}));
}

TEST(EmbeddingTableTest, HalfPrecisionRows) {
  const uint16_t values[] = {0x3c00, 0x4000, 0xbc00, 0x0000};
  const EmbeddingTable table(reinterpret_cast<const std::byte*>(values), TableType::kF16, 2, 2);
  std::vector<float> out(2);
  out.assign(out.size(), 0.0f);
  table.Add(ActiveKernels(), 1, out.data());
  EXPECT_EQ(out, (std::vector<float>{-1, 0}));
  const uint16_t brain[] = {0x3f80, 0x4000};
  EmbeddingTable(reinterpret_cast<const std::byte*>(brain), TableType::kBF16, 1, 2)
      .Add(ActiveKernels(), 0, out.data());
  EXPECT_EQ(out, (std::vector<float>{0, 2}));
}

// The first row, one across two pages, and the last one of a table that is too large to be mapped.
TEST(EmbeddingTableTest, RowsOfALargeFileAreTheSame) {
  constexpr size_t kRows = 45'000, kColumns = 768, kBefore = 100;
  const std::string path = testing::TempDir() + "large_table";
  std::string bytes(kBefore + kRows * kColumns, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i % 251);
  std::ofstream(path, std::ios::binary) << bytes;
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const std::vector<float> scales(kRows, 0.5f);
  const EmbeddingTable mapped(file->bytes().data() + kBefore, TableType::kInt8, kRows, kColumns,
                              scales.data());
  EmbeddingTable copied = mapped;
  copied.ReadLargeFrom(&*file);
  ASSERT_EQ(std::remove(path.c_str()), 0);
  for (const size_t row : {size_t{0}, size_t{5}, kRows - 1}) {
    std::vector<float> expected(kColumns), given(kColumns);
    mapped.Add(ActiveKernels(), row, expected.data());
    copied.Add(ActiveKernels(), row, given.data());
    EXPECT_EQ(given, expected) << row;
    EXPECT_EQ(given[1],
              0.5f * static_cast<float>(static_cast<int8_t>(bytes[kBefore + row * kColumns + 1])));
  }
}

// 19 rows of 100 channels: two groups of int4, the second one partial.
TEST(EmbeddingTableTest, IntegerRowsAreNearTheirFloats) {
  constexpr size_t kRows = 19, kColumns = 100;
  std::vector<float> table(kRows * kColumns);
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = std::sin(static_cast<float>(i) * 0.7f) * (1.0f + i % kColumns / 50);
  std::vector<int8_t> bytes(kRows * kColumns);
  std::vector<float> scales(kRows);
  PackTableInt8(table.data(), kRows, kColumns, bytes.data(), scales.data());
  std::vector<uint8_t> nibbles(kRows * EmbeddingTable::RowBytes(TableType::kInt4, kColumns));
  std::vector<uint8_t> group_scales(kRows * EmbeddingTable::Int4ScaleBytes(kColumns));
  PackTableInt4(table.data(), kRows, kColumns, nibbles.data(), group_scales.data());
  const EmbeddingTable int8(reinterpret_cast<const std::byte*>(bytes.data()), TableType::kInt8,
                            kRows, kColumns, scales.data());
  const EmbeddingTable int4(reinterpret_cast<const std::byte*>(nibbles.data()), TableType::kInt4,
                            kRows, kColumns, group_scales.data());
  for (size_t row = 0; row < kRows; ++row) {
    std::vector<float> from8(kColumns, 1.0f), from4(kColumns, 1.0f);
    int8.Add(ActiveKernels(), row, from8.data());
    int4.Add(ActiveKernels(), row, from4.data());
    for (size_t c = 0; c < kColumns; ++c) {
      EXPECT_NEAR(from8[c] - 1.0f, table[row * kColumns + c], 2.0f / 127);
      // Half a step, and the ends of a group may be clipped.
      EXPECT_NEAR(from4[c] - 1.0f, table[row * kColumns + c], 0.4f);
    }
  }
}

}  // namespace
}  // namespace minnow
