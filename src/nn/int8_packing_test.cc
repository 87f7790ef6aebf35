// SPDX-License-Identifier: Apache-2.0
#include "nn/int8_packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/kernels.h"
#include "nn/dtype.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// A packed weight, read back.
struct Packed {
  Packed(const std::vector<float>& weight, size_t n, size_t k, const Int8Inputs& inputs = {})
      : words((k + 3) / 4),
        integers(PackedWeightBytes(Dtype::kInt8, k, n)),
        scale((n + 15) / 16 * 16, -1.0f),
        sum((n + 15) / 16 * 16, -1.0f),
        bias(n) {
    PackInt8(weight.data(), n, k, inputs, {integers.data(), scale.data(), sum.data(), bias.data()});
  }
  int At(size_t n, size_t k) const {
    return integers[(n / kPanelColumns * words * kPanelColumns + k / 4 * kPanelColumns +
                     n % kPanelColumns) *
                        4 +
                    k % 4];
  }
  // The heaviest group of a row: of one half of each of kInt8GroupWords words.
  int Heaviest(size_t n, size_t k) const {
    int heaviest = 0;
    for (size_t begin = 0; begin < k; begin += kInt8GroupWords * 4) {
      for (size_t half = 0; half < 2; ++half) {
        int above = 0, below = 0;
        for (size_t i = begin; i < std::min(k, begin + kInt8GroupWords * 4); ++i) {
          if (i % 4 / 2 != half) continue;
          above += std::max(0, At(n, i));
          below += std::max(0, -At(n, i));
        }
        heaviest = std::max({heaviest, above, below});
      }
    }
    return heaviest;
  }

  size_t words;
  std::vector<int8_t> integers;
  std::vector<float> scale, sum, bias;
};

std::vector<float> Gaussian(size_t size, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float& v : values) v = normal(generator);
  return values;
}

TEST(Int8PackingTest, RestoresTheWeights) {
  const size_t n = 19, k = 67;
  const std::vector<float> weight = Gaussian(n * k, 1);
  const Packed packed(weight, n, k);
  for (size_t row = 0; row < n; ++row) {
    float total = 0;
    double error = 0, square = 0;
    for (size_t i = 0; i < k; ++i) {
      const float restored = packed.scale[row] * static_cast<float>(packed.At(row, i));
      total += restored;
      error += (restored - weight[row * k + i]) * (restored - weight[row * k + i]);
      square += weight[row * k + i] * weight[row * k + i];
    }
    EXPECT_NEAR(packed.sum[row], total, 1e-4f);
    EXPECT_LE(packed.Heaviest(row, k), kInt8GroupSum);
    // 20 steps a deviation or so: an error of some 2 %.
    EXPECT_LT(error, square * 0.03 * 0.03) << row;
  }
  for (size_t row = n; row < 32; ++row) {
    EXPECT_EQ(packed.scale[row], 0.0f);
    EXPECT_EQ(packed.sum[row], 0.0f);
  }
}

TEST(Int8PackingTest, HeavyGroupsAreMadeLighter) {
  // One group of the largest weights, of either sign, among small ones: the scale should not
  // suffer.
  std::vector<float> weight(240, 0.01f);
  for (const size_t at : {0, 1, 4, 5, 8, 9}) weight[at] = 1.0f;
  for (const size_t at : {50, 51, 54, 55, 58, 59}) weight[at] = -1.0f;
  const Packed packed(weight, 1, weight.size());
  EXPECT_LE(packed.Heaviest(0, weight.size()), kInt8GroupSum);
  EXPECT_GT(packed.Heaviest(0, weight.size()), kInt8GroupSum - 6);
  for (size_t k = 0; k < weight.size(); ++k)
    EXPECT_NEAR(packed.scale[0] * static_cast<float>(packed.At(0, k)), weight[k], 0.06f) << k;
}

TEST(Int8PackingTest, AnyWeightsAreLightEnough) {
  std::mt19937 generator(3);
  for (const float outlier : {1.0f, 20.0f, 3.0e38f}) {
    std::vector<float> weight = Gaussian(16 * 100, 2);
    for (float& w : weight) {
      if (generator() % 7 == 0) w *= outlier;
    }
    weight[3] = NAN;
    weight[7] = INFINITY;
    weight[11] = -INFINITY;
    const Packed packed(weight, 16, 100);
    for (size_t row = 0; row < 16; ++row) {
      EXPECT_LE(packed.Heaviest(row, 100), kInt8GroupSum);
      EXPECT_TRUE(std::isfinite(packed.scale[row]));
    }
  }
  const Packed zeros(std::vector<float>(2 * 8), 2, 8);
  EXPECT_EQ(zeros.scale[0], 0.0f);
  EXPECT_EQ(zeros.sum[0], 0.0f);
  const Packed tiny(std::vector<float>(2 * 24, 1e-45f), 2, 24);
  EXPECT_LE(tiny.Heaviest(0, 24), kInt8GroupSum);
}

// A scale that clips the largest element would suit all others.
TEST(Int8PackingTest, TablesOfAnyWidth) {
  for (const size_t columns : {1, 2, 3, 5, 6, 7, 9}) {
    std::vector<float> row(columns, 0.7f);
    row.back() = 1.0f;
    std::vector<int8_t> integers(columns);
    float scale = 0;
    PackTableInt8(row.data(), 1, columns, integers.data(), &scale);
    for (size_t c = 0; c < columns; ++c)
      EXPECT_NEAR(scale * static_cast<float>(integers[c]), row[c], 0.05f) << columns;
  }
}

TEST(Int8PackingTest, SpreadWeightsMeetDividedInputs) {
  const size_t n = 16, k = 48;
  const std::vector<float> weight = Gaussian(n * k, 4), x = Gaussian(k, 5);
  std::vector<float> spread(k);
  for (size_t i = 0; i < k; ++i) spread[i] = 0.25f + static_cast<float>(i % 5);
  const Packed packed(weight, n, k, {.spread = spread.data()});
  double error = 0;
  for (size_t row = 0; row < n; ++row) {
    double exact = 0, found = 0;
    for (size_t i = 0; i < k; ++i) {
      exact += double{weight[row * k + i]} * x[i];
      found += double{packed.scale[row]} * packed.At(row, i) * (x[i] / spread[i]);
    }
    EXPECT_NEAR(found, exact, 3.0);
    error += (found - exact) * (found - exact);
    EXPECT_EQ(packed.bias[row], 0.0f);  // nothing is known of the inputs
  }
  // Without the division the products would be off by about 10.
  EXPECT_LT(std::sqrt(error / n), 1.0);
}

TEST(Int8PackingTest, TheBiasMakesUpForWhatTheMeanInputLoses) {
  const size_t n = 16, k = 48;
  const std::vector<float> weight = Gaussian(n * k, 6), mean = Gaussian(k, 7);
  std::vector<float> spread(k);
  for (size_t i = 0; i < k; ++i) spread[i] = 0.5f + 0.1f * static_cast<float>(i % 7);
  const Packed packed(weight, n, k, {.spread = spread.data(), .mean = mean.data()});
  double most = 0;
  for (size_t row = 0; row < n; ++row) {
    double exact = 0, found = packed.bias[row];
    for (size_t i = 0; i < k; ++i) {
      exact += double{weight[row * k + i]} * mean[i];
      found += double{packed.scale[row]} * packed.At(row, i) * (mean[i] / spread[i]);
    }
    EXPECT_NEAR(found, exact, 1e-4);
    most = std::max(most, std::fabs(double{packed.bias[row]}));
  }
  EXPECT_GT(most, 1e-3);
}

TEST(Int8PackingTest, ChannelsAreSpreadByInputsAndWeights) {
  const std::vector<float> most = {16, 1, 1, 1}, widest = {1, 1, 4, 1};
  std::vector<float> spread(4);
  SpreadInputs(most.data(), widest.data(), 4, spread.data());
  EXPECT_NEAR(spread[0] / spread[1], 4, 1e-5);
  EXPECT_NEAR(spread[2] / spread[1], 0.5, 1e-5);
  EXPECT_NEAR(spread[0] * spread[1] * spread[2] * spread[3], 1, 1e-5);
}

TEST(Int8PackingTest, SpreadIsFiniteWhateverTheInputs) {
  const std::vector<float> most = {0, INFINITY, NAN, 3.0e38f, 1e-40f, 1, 0};
  const std::vector<float> widest = {0, 1, 1, 1e-40f, 3.0e38f, 0, 1};
  std::vector<float> spread(most.size());
  SpreadInputs(most.data(), widest.data(), most.size(), spread.data());
  for (const float s : spread) {
    EXPECT_TRUE(std::isfinite(s));
    EXPECT_GT(s, 0);
  }
}

}  // namespace
}  // namespace minnow
