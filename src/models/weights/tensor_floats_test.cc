// SPDX-License-Identifier: Apache-2.0
// Floats of tensors that lie transposed, with a stride, or quantised.
#include "models/weights/tensor_floats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/dispatch.h"
#include "models/weights/finite.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

template <class T>
TensorView View(const std::vector<T>& data, TensorType type, std::vector<int64_t> shape) {
  TensorView view;
  view.type = type;
  view.shape = std::move(shape);
  view.data = std::as_bytes(std::span(data));
  return view;
}

std::vector<float> Floats(const TensorView& view) {
  std::vector<float> floats(static_cast<size_t>(view.elements()));
  EXPECT_TRUE(CopyFloats(view, floats.data()).ok());
  return floats;
}

TEST(TensorFloats, TransposedDataAreReadColumnByColumn) {
  const std::vector<float> data = {1, 2, 3, 4, 5, 6};  // [K = 3, N = 2]
  TensorView view = View(data, TensorType::kF32, {2, 3});
  EXPECT_THAT(Floats(view), ElementsAre(1, 2, 3, 4, 5, 6));
  view.transposed = true;
  EXPECT_THAT(Floats(view), ElementsAre(1, 3, 5, 2, 4, 6));
  EXPECT_THAT(Floats(view.Rows(1, 1)), ElementsAre(2, 4, 6));
  EXPECT_THAT(Floats(view.Rows(0, 0)), ElementsAre());
}

// Query, key and value of a fused attention: rows of rows.
TEST(TensorFloats, RowsOfTransposedDataKeepTheirStride) {
  std::vector<float> data(2 * 6);  // [K = 2, N = 6]
  std::iota(data.begin(), data.end(), 0.0f);
  TensorView all = View(data, TensorType::kF32, {6, 2});
  all.transposed = true;
  const TensorView key = all.Rows(2, 2);
  EXPECT_EQ(key.stride, 6u);
  EXPECT_THAT(Floats(key), ElementsAre(2, 8, 3, 9));
  EXPECT_THAT(Floats(key.Rows(1, 1)), ElementsAre(3, 9));
}

TEST(TensorFloats, OneScaleOrOneForEachRow) {
  const std::vector<int8_t> data = {-128, 0, 127, 2};
  TensorView view = View(data, TensorType::kI8, {2, 2});
  std::vector<float> floats(4);
  view.file = nullptr;
  const std::vector<float> one = {0.5f}, each = {0.5f, 2.0f};
  const std::vector<int32_t> zero = {-128}, zeros = {0, 2};
  view.scales = one;
  EXPECT_THAT(Floats(view), ElementsAre(-64, 0, 63.5f, 1));
  view.zero_points = zero;
  EXPECT_THAT(Floats(view), ElementsAre(0, 64, 127.5f, 65));
  view.scales = each;
  view.zero_points = zeros;
  EXPECT_THAT(Floats(view), ElementsAre(-64, 0, 250, 0));
  EXPECT_THAT(Floats(view.Rows(1, 1)), ElementsAre(250, 0));
  view.transposed = true;
  EXPECT_THAT(Floats(view), ElementsAre(-64, 63.5f, -4, 0));
}

TEST(TensorFloats, OtherTypesInAnyOrder) {
  const std::vector<uint8_t> bytes = {0, 255};
  const std::vector<float> scale = {1.0f};
  TensorView view = View(bytes, TensorType::kU8, {2, 1});
  view.scales = scale;
  EXPECT_THAT(Floats(view), ElementsAre(0, 255));
  const std::vector<int32_t> numbers = {-70000, 3};
  view = View(numbers, TensorType::kI32, {2});
  view.scales = scale;
  EXPECT_THAT(Floats(view), ElementsAre(-70000, 3));
  const std::vector<uint16_t> halves = {0x3c00, 0xc000, 0x3800, 0};  // 1, -2, 0.5, 0
  view = View(halves, TensorType::kF16, {2, 2});
  view.transposed = true;
  EXPECT_THAT(Floats(view), ElementsAre(1, 0.5f, -2, 0));
  EXPECT_EQ(FloatTableType(view).value(), TableType::kF32);
  view.transposed = false;
  EXPECT_EQ(FloatTableType(view).value(), TableType::kF16);
}

// What is packed does not depend on how it lay.
TEST(TensorFloats, PackingAndConversionSeeTheValues) {
  const int64_t rows = 40, columns = 24;
  std::vector<float> plain(rows * columns), turned(rows * columns);
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t k = 0; k < columns; ++k)
      turned[k * rows + n] = plain[n * columns + k] = static_cast<float>((n * 31 + k * 7) % 19 - 9);
  }
  const TensorView a = View(plain, TensorType::kF32, {rows, columns});
  TensorView b = View(turned, TensorType::kF32, {rows, columns});
  b.transposed = true;
  const size_t bytes = PackedWeightBytes(Dtype::kF32, columns, rows);
  AlignedBuffer<std::byte> packed_a(bytes), packed_b(bytes);
  const TensorView* const part_a[] = {&a};
  const TensorView* const part_b[] = {&b};
  ASSERT_TRUE(PackRows(part_a, {.dtype = Dtype::kF32, .weight = packed_a.data()}).ok());
  ASSERT_TRUE(PackRows(part_b, {.dtype = Dtype::kF32, .weight = packed_b.data()}).ok());
  EXPECT_TRUE(std::equal(packed_a.data(), packed_a.data() + bytes, packed_b.data()));
  const auto table = ConvertTable(b, TableType::kF32);
  ASSERT_TRUE(table.ok());
  const auto* floats = reinterpret_cast<const float*>(table->data.data());
  EXPECT_TRUE(std::equal(plain.begin(), plain.end(), floats));
  std::vector<float> most_a(columns), most_b(columns);
  ASSERT_TRUE(ColumnMagnitudes(part_a, most_a.data()).ok());
  ASSERT_TRUE(ColumnMagnitudes(part_b, most_b.data()).ok());
  EXPECT_EQ(most_a, most_b);
}

// Parts that end within a panel, and more than are packed at a time.
TEST(TensorFloats, StackedPartsArePackedAsOne) {
  const int64_t columns = 64, all_rows = 40'003;
  std::vector<float> all(static_cast<size_t>(all_rows * columns));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(i * 7919 % 1021) - 510;
  const TensorView whole = View(all, TensorType::kF32, {all_rows, columns});
  const TensorView parts[] = {whole.Rows(0, 16), whole.Rows(16, 7), whole.Rows(23, 20'000),
                              whole.Rows(20'023, 18'001), whole.Rows(38'024, 1979)};
  std::vector<const TensorView*> stacked;
  for (const TensorView& part : parts) stacked.push_back(&part);
  const size_t bytes = PackedWeightBytes(Dtype::kF32, columns, all_rows);
  AlignedBuffer<std::byte> expected(bytes), found(bytes);
  ActiveKernels().pack_f32(all.data(), static_cast<size_t>(all_rows), columns,
                           reinterpret_cast<float*>(expected.data()));
  ASSERT_TRUE(PackRows(stacked, {.dtype = Dtype::kF32, .weight = found.data()}).ok());
  EXPECT_TRUE(std::equal(expected.data(), expected.data() + bytes, found.data()));
}

// Wherever in a tensor it stands, and however it is read.
TEST(TensorFloats, WhatIsNotFiniteIsRefused) {
  const int64_t rows = 1100, columns = 70;
  std::vector<float> values(static_cast<size_t>(rows * columns), 1.5f);
  TensorView view = View(values, TensorType::kF32, {rows, columns});
  view.name = "a.weight";
  const TensorView* const parts[] = {&view};
  AlignedBuffer<std::byte> packed(PackedWeightBytes(Dtype::kF32, columns, rows));
  const auto codes = [&] {
    std::vector<float> floats(values.size());
    const Status statuses[] = {CopyFloats(view, floats.data()), CheckInPlace(view),
                               PackRows(parts, {.dtype = Dtype::kF32, .weight = packed.data()}),
                               PackRows(parts, {.dtype = Dtype::kBF16, .weight = packed.data()})};
    std::vector<Code> found;
    for (const Status& status : statuses) {
      if (status.ok()) continue;
      EXPECT_EQ(status.error().message, "tensor \"a.weight\": values that are not finite");
      found.push_back(status.error().code);
    }
    const auto table = ConvertTable(view, TableType::kInt8);
    if (!table.ok()) found.push_back(table.error().code);
    return found;
  };
  EXPECT_THAT(codes(), IsEmpty());
  for (const size_t at : {size_t{0}, values.size() / 2, values.size() - 1}) {
    for (const float bad : {NAN, -NAN, INFINITY, -INFINITY}) {
      values[at] = bad;
      EXPECT_THAT(codes(), AllOf(SizeIs(5), Each(Code::kCorrupt))) << at << ": " << bad;
    }
    values[at] = 3.4e38f;
  }
  EXPECT_THAT(codes(), IsEmpty());
}

TEST(TensorFloats, HalvesThatAreNotFiniteAreRefused) {
  for (const bool brain : {false, true}) {
    std::vector<uint16_t> halves(2 * 40, brain ? 0x7f7f : 0x7bff);  // the largest number
    const TensorView view = View(halves, brain ? TensorType::kBF16 : TensorType::kF16, {2, 40});
    std::vector<float> floats(halves.size());
    EXPECT_TRUE(CheckInPlace(view).ok() && CopyFloats(view, floats.data()).ok());
    for (const int bad : {0x7f80, 0xff80, 0x7fff}) {
      halves[77] = static_cast<uint16_t>(brain ? bad : bad & 0xfc7f);
      EXPECT_FALSE(CheckInPlace(view).ok() || CopyFloats(view, floats.data()).ok()) << bad;
    }
  }
}

// Of integers it is the scale that may be none.
TEST(TensorFloats, ScalesThatAreNotFiniteAreRefused) {
  const std::vector<int8_t> data = {1, 2};
  const std::vector<float> scale = {INFINITY};
  TensorView view = View(data, TensorType::kI8, {2, 1});
  view.scales = scale;
  std::vector<float> floats(2);
  EXPECT_EQ(CopyFloats(view, floats.data()).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace minnow
