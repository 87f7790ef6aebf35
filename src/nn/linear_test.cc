// SPDX-License-Identifier: Apache-2.0
#include "nn/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "nn/int8_packing.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

constexpr size_t kIn = 70, kOut = 16 * 9 + 5, kColumns = 16 * 10, kMostRows = 18;

std::vector<float> RandomFloats(size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = normal(generator);
  return values;
}

// A Linear and what it borrows.
struct Owned {
  Owned(const Kernels& kernels, Dtype dtype)
      : packed(PackedWeightBytes(dtype, kIn, kOut)),
        bias(RandomFloats(kColumns, 2)),
        scale(kColumns, 0.0f),
        sum(kColumns, 0.0f),
        multiplier(RandomFloats(PaddedColumns(kIn), 3)) {
    const auto weight = RandomFloats(kOut * kIn, 1);
    if (dtype == Dtype::kF32) {
      kernels.pack_f32(weight.data(), kOut, kIn, reinterpret_cast<float*>(packed.data()));
    } else if (dtype == Dtype::kBF16) {
      PackBf16(weight.data(), kOut, kIn, reinterpret_cast<uint16_t*>(packed.data()));
    } else {
      PackInt8(weight.data(), kOut, kIn, {},
               {reinterpret_cast<int8_t*>(packed.data()), scale.data(), sum.data()});
    }
    linear = Linear({.dtype = dtype,
                     .in_features = kIn,
                     .out_features = kOut,
                     .weight = packed.data(),
                     .bias = bias.data(),
                     .scale = dtype == Dtype::kInt8 ? scale.data() : nullptr,
                     .sum = dtype == Dtype::kInt8 ? sum.data() : nullptr,
                     .int16_safe = true,
                     .input_multiplier = multiplier.data()});
  }

  AlignedBuffer<std::byte> packed;
  std::vector<float> bias, scale, sum, multiplier;
  Linear linear;
};

struct Param {
  const Kernels* kernels;
  Dtype dtype;
};

std::vector<Param> Params() {
  std::vector<Param> params;
  for (const Kernels* kernels : AvailableKernels()) {
    for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8})
      params.push_back({kernels, dtype});
  }
  return params;
}

class LinearTest : public testing::TestWithParam<Param> {
 protected:
  const Kernels& kernels() const { return *GetParam().kernels; }

  const Owned owned{*GetParam().kernels, GetParam().dtype};
  const std::vector<float> x = RandomFloats(kMostRows * (kIn + 1), 4);
  const std::vector<float> residual = RandomFloats(kMostRows * kColumns, 5);
};

TEST_P(LinearTest, ColumnsInPartsEqualTheWholeBitForBit) {
  const ConstRows input = {x.data(), kIn + 1};
  for (const size_t rows : {1, 2, 5, 18}) {
    for (const bool with_residual : {false, true}) {
      LinearScratch scratch(kernels(), GetParam().dtype, kMostRows, kIn);
      const ConstRows all_residual = {with_residual ? residual.data() : nullptr, kColumns};
      std::vector<float> whole(rows * kColumns), parts(whole.size(), NAN);
      owned.linear.Forward(kernels(), input, rows, kMatmulGeluTanh, all_residual,
                           {whole.data(), kColumns}, scratch);
      LinearScratch again(kernels(), GetParam().dtype, kMostRows, kIn);
      owned.linear.PrepareRows(kernels(), input, rows, again);
      for (size_t first = 0, part = 1; first < kColumns; first += 16 * part++) {
        const size_t columns = std::min(16 * part, kColumns - first);
        owned.linear.ForwardColumns(kernels(), input, rows, first, columns, kMatmulGeluTanh,
                                    {with_residual ? residual.data() + first : nullptr, kColumns},
                                    {parts.data() + first, kColumns}, again);
      }
      EXPECT_EQ(0, std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)))
          << rows << " rows, residual " << with_residual;
    }
  }
}

// Every column of y is written, and nothing beside them.
TEST_P(LinearTest, WritesItsColumnsAlone) {
  constexpr size_t kFirst = 32, kPart = 48, kRows = 3;
  LinearScratch scratch(kernels(), GetParam().dtype, kMostRows, kIn);
  std::vector<float> y(kRows * kColumns, NAN);
  owned.linear.PrepareRows(kernels(), {x.data(), kIn + 1}, kRows, scratch);
  owned.linear.ForwardColumns(kernels(), {x.data(), kIn + 1}, kRows, kFirst, kPart, kMatmulNone, {},
                              {y.data() + kFirst, kColumns}, scratch);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t column = i % kColumns;
    EXPECT_EQ(std::isnan(y[i]), column < kFirst || column >= kFirst + kPart) << i;
  }
}

class CountingObserver : public LinearObserver {
 public:
  void Observe(const Linear&, ConstRows, size_t rows) override { rows_ += rows; }
  size_t rows() const { return rows_; }

 private:
  size_t rows_ = 0;
};

TEST_P(LinearTest, ObserversSeeRowsOnceHoweverColumnsAreSplit) {
  LinearScratch scratch(kernels(), GetParam().dtype, kMostRows, kIn);
  CountingObserver observer;
  scratch.observer = &observer;
  std::vector<float> y(2 * kColumns);
  const ConstRows input = {x.data(), kIn + 1};
  owned.linear.PrepareRows(kernels(), input, 2, scratch);
  for (const size_t first : {size_t{0}, kColumns / 2}) {
    owned.linear.ForwardColumns(kernels(), input, 2, first, kColumns / 2, kMatmulNone, {},
                                {y.data() + first, kColumns}, scratch);
  }
  EXPECT_EQ(observer.rows(), 2u);
}

std::string Name(const testing::TestParamInfo<Param>& info) {
  return std::string(info.param.kernels->name) + "_" + DtypeName(info.param.dtype);
}
INSTANTIATE_TEST_SUITE_P(Tables, LinearTest, testing::ValuesIn(Params()), Name);

}  // namespace
}  // namespace minnow
