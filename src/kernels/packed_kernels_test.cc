// SPDX-License-Identifier: Apache-2.0
// The lower precisions of every table that this machine can run, against their scalar twins.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"

namespace minnow {
namespace {

// kInt8Light: weights that keep to kInt8GroupSum.
enum class Precision { kBF16, kInt8, kInt8Light };

struct Param {
  const Kernels* kernels;
  Precision precision;
};

std::vector<Param> Params() {
  std::vector<Param> params;
  for (const Kernels* kernels : AvailableKernels()) {
    params.push_back({kernels, Precision::kBF16});
    params.push_back({kernels, Precision::kInt8});
    if (kernels->int8_light != nullptr) params.push_back({kernels, Precision::kInt8Light});
  }
  return params;
}

const PackedKernels& Of(const Kernels& kernels, Precision precision) {
  if (precision == Precision::kBF16) return *kernels.bf16;
  const bool light = precision == Precision::kInt8Light && kernels.int8_light != nullptr;
  return light ? *kernels.int8_light : *kernels.int8;
}

size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

struct Case {
  size_t rows, inner, columns;
  MatmulActivation activation = kMatmulNone;
  bool residual = false;
};

// One product over random words: any bytes are a valid int8 weight; bf16 ones are made from small
// floats.
struct Product {
  Product(const Case& c, Precision precision)
      : c(c),
        precision(precision),
        columns(RoundUp(c.columns, kPanelColumns)),
        x(c.rows * (c.inner + 1)) {
    std::mt19937 generator(7);
    std::normal_distribution<float> normal;
    auto fill = [&](std::vector<float>& v, size_t n, float scale) {
      v.resize(n);
      for (float& f : v) f = normal(generator) * scale;
    };
    fill(x, x.size(), 2.0f);
    fill(bias, columns, 1.0f);
    fill(multiplier, c.inner, 1.0f);
    fill(scale, columns, 0.001f);
    fill(sum, columns, 0.01f);
    fill(residual, c.rows * columns, 1.0f);
    const size_t unit = precision == Precision::kBF16 ? 2 : 4;
    const size_t words = RoundUp(c.inner, unit) / unit;
    weight.resize(columns * words * 4);
    for (size_t panel = 0; panel < columns / kPanelColumns; ++panel) {
      for (size_t k = 0; k < c.inner; ++k) {
        for (size_t j = 0; j < kPanelColumns; ++j)
          Set(panel * words * 16 + k / unit * 16 + j, k % unit, generator());
      }
    }
    SumColumns();
  }

  // Tables differ in the zero point that they store integers with, so the sums have to be true.
  void SumColumns() {
    if (precision == Precision::kBF16) return;
    const size_t panel_bytes = weight.size() / columns * kPanelColumns;
    for (size_t column = 0; column < columns; ++column) {
      int total = 0;
      const char* panel = weight.data() + column / kPanelColumns * panel_bytes;
      for (size_t word = column % kPanelColumns; word < panel_bytes / 4; word += kPanelColumns) {
        for (size_t part = 0; part < 4; ++part) {
          total += static_cast<signed char>(panel[word * 4 + part]);
        }
      }
      sum[column] = scale[column] * static_cast<float>(total);
    }
  }

  void Set(size_t word, size_t part, uint32_t random) {
    if (precision != Precision::kBF16) {
      const int most = precision == Precision::kInt8 ? 127 : kInt8GroupSum / 6;
      weight[word * 4 + part] = static_cast<char>(static_cast<int>(random % (2 * most + 1)) - most);
    } else {
      // A bf16 of either sign with an exponent near 1/16.
      const uint16_t half = static_cast<uint16_t>((random & 0x8000u) | 0x3d80u | (random & 0x7fu));
      std::memcpy(&weight[word * 4 + part * 2], &half, 2);
    }
  }

  std::vector<float> Run(const Kernels& kernels, size_t first, size_t rows) const {
    const PackedKernels& packed = Of(kernels, precision);
    const size_t stride = packed.row_bytes(c.inner), y_stride = columns + 3;
    AlignedBuffer<std::byte> words(rows * stride);
    std::vector<float> x_scale(rows), x_offset(rows), y(rows * y_stride, NAN);
    packed.quantize_rows(x.data() + first * (c.inner + 1), c.inner + 1, rows, c.inner,
                         multiplier.data(), words.data(), stride, x_scale.data(), x_offset.data());
    const PackedMatmul args = {.x = words.data(),
                               .x_stride_bytes = stride,
                               .x_scale = x_scale.data(),
                               .x_offset = x_offset.data(),
                               .w = weight.data(),
                               .w_scale = scale.data(),
                               .w_sum = sum.data(),
                               .bias = bias.data(),
                               .residual = c.residual ? residual.data() + first * columns : nullptr,
                               .residual_stride = columns,
                               .y = y.data(),
                               .y_stride = y_stride,
                               .rows = rows,
                               .inner = c.inner,
                               .columns = columns,
                               .activation = c.activation};
    packed.matmul(&args);
    std::vector<float> dense;
    for (size_t r = 0; r < rows; ++r) {
      dense.insert(dense.end(), y.begin() + r * y_stride, y.begin() + r * y_stride + columns);
    }
    return dense;
  }

  Case c;
  Precision precision;
  size_t columns;
  std::vector<float> x, multiplier, bias, scale, sum, residual;
  std::vector<char> weight;
};

double Distance(const std::vector<float>& a, const std::vector<float>& reference) {
  double most = a.size() == reference.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < a.size() && i < reference.size(); ++i) {
    const double d = std::fabs(a[i] - reference[i]) / std::fmax(1.0, std::fabs(reference[i]));
    most = std::isnan(d) ? HUGE_VAL : std::fmax(most, d);
  }
  return most;
}

class PackedKernelsTest : public testing::TestWithParam<Param> {
 protected:
  const Kernels& kernels() const { return *GetParam().kernels; }
  Precision precision() const { return GetParam().precision; }
  static const Kernels& reference() { return *AvailableKernels().front(); }
};

TEST_P(PackedKernelsTest, MatmulEqualsReference) {
  std::vector<Case> cases;
  for (size_t rows = 1; rows <= 26; ++rows) cases.push_back({rows, 40, 16 * 13});
  for (size_t panels = 1; panels <= 12; ++panels) cases.push_back({7, 36, 16 * panels});
  for (size_t inner : {1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 63, 65, 384})
    cases.push_back({9, inner, 48});
  for (const Case& c : cases) {
    const Product product(c, precision());
    EXPECT_LT(Distance(product.Run(kernels(), 0, c.rows), product.Run(reference(), 0, c.rows)),
              5e-5)
        << c.rows << " x " << c.inner << " x " << c.columns;
  }
}

TEST_P(PackedKernelsTest, Epilogues) {
  for (MatmulActivation activation : {kMatmulNone, kMatmulGeluErf, kMatmulGeluTanh, kMatmulRelu}) {
    // GELU's short form is 2e-4 from the true one (vector_math_body.h).
    const double limit = activation == kMatmulGeluErf ? 2.5e-4 : 5e-5;
    for (bool residual : {false, true}) {
      const Product product({11, 64, 80, activation, residual}, precision());
      EXPECT_LT(Distance(product.Run(kernels(), 0, 11), product.Run(reference(), 0, 11)), limit);
    }
  }
}

TEST_P(PackedKernelsTest, RowsDoNotDependOnGrouping) {
  const Product product({29, 100, 16 * 11, kMatmulGeluErf, true}, precision());
  const auto all = product.Run(kernels(), 0, 29);
  for (size_t rows = 1; rows <= 29; ++rows) {
    for (size_t first : {size_t{0}, (29 - rows) / 2, 29 - rows}) {
      const auto some = product.Run(kernels(), first, rows);
      EXPECT_EQ(0,
                std::memcmp(some.data(), all.data() + first * 16 * 11, some.size() * sizeof(float)))
          << rows << " rows from " << first;
    }
  }
}

// The largest possible sums: a form that saturates at 16 bits would be far off.
TEST(Int8Test, ExtremeIntegers) {
  Product product({3, 512, 32}, Precision::kInt8);
  for (size_t i = 0; i < product.x.size(); ++i) product.x[i] = i % 3 == 0 ? -1.0f : 1.0f;
  for (char& w : product.weight) w = 127;
  product.SumColumns();
  const auto expected = product.Run(*AvailableKernels().front(), 0, 3);
  for (const Kernels* kernels : AvailableKernels()) {
    EXPECT_LT(Distance(product.Run(*kernels, 0, 3), expected), 5e-5) << kernels->name;
  }
}

// The heaviest groups there may be, against the largest inputs: one integer more would not fit 16
// bits.
TEST(Int8Test, HeaviestGroups) {
  Product product({3, 512, 32}, Precision::kInt8Light);
  std::fill(product.multiplier.begin(), product.multiplier.end(), 1.0f);
  // Of a group's six integers: all of one sign, and as heavy as both signs may be.
  const int groups[][6] = {{127, 1, 0, 0, 0, 0},       {0, 0, 0, 0, 1, 127},
                           {22, 22, 21, 21, 21, 21},   {-22, -22, -21, -21, -21, -21},
                           {127, -127, 1, -1, 0, 0},   {64, -64, 64, -64, 0, 0},
                           {43, 43, 42, -43, -43, -42}};
  for (const auto& group : groups) {
    const size_t words = 512 / 4;
    for (size_t word = 0; word < words; ++word) {
      for (size_t column = 0; column < 32; ++column) {
        for (size_t part = 0; part < 4; ++part) {
          const size_t at = column / kPanelColumns * words * kPanelColumns + word * kPanelColumns +
                            column % kPanelColumns;
          product.weight[at * 4 + part] =
              static_cast<char>(group[word % kInt8GroupWords * 2 + part % 2]);
        }
      }
    }
    product.SumColumns();
    // Rows that are largest where the integers are above zero, where they are below, and a mix.
    for (size_t t = 0; t < 3; ++t) {
      for (size_t k = 0; k < 512; ++k) {
        const int q = group[k / 4 % kInt8GroupWords * 2 + k % 2];
        const bool high = t == 2 ? k % 3 == 0 : (q > 0) == (t == 0);
        product.x[t * 513 + k] = high ? 1.0f : -1.0f;
      }
    }
    const auto expected = product.Run(*AvailableKernels().front(), 0, 3);
    for (const Kernels* kernels : AvailableKernels()) {
      EXPECT_LT(Distance(product.Run(*kernels, 0, 3), expected), 5e-5) << kernels->name;
    }
  }
}

TEST_P(PackedKernelsTest, NoRows) {
  const Product product({0, 40, 48}, precision());
  EXPECT_TRUE(product.Run(kernels(), 0, 0).empty());
}

TEST_P(PackedKernelsTest, ConstantRow) {
  Product product({2, 33, 16}, precision());
  for (float& v : product.x) v = 0.75f;
  EXPECT_LT(Distance(product.Run(kernels(), 0, 2), product.Run(reference(), 0, 2)), 5e-5);
}

std::string Name(const testing::TestParamInfo<Param>& info) {
  return std::string(info.param.kernels->name) + (info.param.precision == Precision::kBF16 ? "_bf16"
                                                  : info.param.precision == Precision::kInt8
                                                      ? "_int8"
                                                      : "_int8_light");
}
INSTANTIATE_TEST_SUITE_P(Tables, PackedKernelsTest, testing::ValuesIn(Params()), Name);

enum class AttentionKind { kFp32, kPacked, kInt8 };

class PackedAttentionTest : public testing::TestWithParam<const Kernels*> {};

struct AttentionCase {
  size_t length, heads, head_dim;
  bool bias = false;
};

std::vector<float> RunAttention(const Kernels& kernels, AttentionKind kind, const AttentionCase& c,
                                const std::vector<float>& qkv, size_t first, size_t queries) {
  const size_t width = c.heads * c.head_dim, stride = 3 * width + 2;
  const auto scratch_floats = kind == AttentionKind::kFp32 ? kernels.attention_scratch_floats
                              : kind == AttentionKind::kPacked
                                  ? kernels.attention_packed_scratch_floats
                                  : kernels.attention_int8_scratch_floats;
  AlignedBuffer<float> scratch(scratch_floats(c.length, c.head_dim));
  std::vector<float> context(queries * width, NAN);
  // One row a head, by distance from 1 - length on.
  std::mt19937 generator(4);
  std::normal_distribution<float> normal;
  std::vector<float> bias(c.heads * (2 * c.length - 1));
  for (float& v : bias) v = normal(generator);
  const AttentionF32 args = {.q = qkv.data() + first * stride,
                             .k = qkv.data() + width,
                             .v = qkv.data() + 2 * width,
                             .qkv_stride = stride,
                             .context = context.data(),
                             .context_stride = width,
                             .queries = queries,
                             .length = c.length,
                             .heads = c.heads,
                             .head_dim = c.head_dim,
                             .scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim)),
                             .scratch = scratch.data(),
                             .bias = c.bias ? bias.data() + c.length - 1 - first : nullptr,
                             .bias_stride = 2 * c.length - 1};
  (kind == AttentionKind::kFp32     ? kernels.attention_f32
   : kind == AttentionKind::kPacked ? kernels.attention_packed
                                    : kernels.attention_int8)(&args);
  return context;
}

std::vector<float> RandomQkv(const AttentionCase& c) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  std::vector<float> qkv(c.length * (3 * c.heads * c.head_dim + 2));
  for (float& v : qkv) v = normal(generator);
  return qkv;
}

std::vector<AttentionCase> AttentionCases() {
  std::vector<AttentionCase> cases;
  for (size_t length = 1; length <= 50; ++length) cases.push_back({length, 2, 32});
  for (size_t head_dim : {1, 5, 8, 15, 16, 17, 31, 33, 48, 64, 80})
    cases.push_back({21, 3, head_dim});
  cases.push_back({512, 1, 32});
  for (size_t i = 0, unbiased = cases.size(); i < unbiased; ++i) {
    cases.push_back(cases[i]);
    cases.back().bias = true;
  }
  return cases;
}

std::string Describe(const AttentionCase& c) {
  return std::to_string(c.length) + " tokens, head size " + std::to_string(c.head_dim) +
         (c.bias ? ", bias" : "");
}

TEST_P(PackedAttentionTest, NearFp32) {
  for (const AttentionCase& c : AttentionCases()) {
    const auto qkv = RandomQkv(c);
    const auto expected =
        RunAttention(*AvailableKernels().front(), AttentionKind::kFp32, c, qkv, 0, c.length);
    EXPECT_LT(
        Distance(RunAttention(*GetParam(), AttentionKind::kPacked, c, qkv, 0, c.length), expected),
        0.03)
        << Describe(c);
  }
}

// An exponential at the border of two steps may fall to either side: a step of one weight. Far from
// fp32 are texts with many keys whose probabilities are below half a step.
TEST_P(PackedAttentionTest, Int8EqualsReference) {
  if (GetParam()->attention_int8 == nullptr) GTEST_SKIP() << "no 8-bit attention";
  for (const AttentionCase& c : AttentionCases()) {
    const auto qkv = RandomQkv(c);
    const auto run = [&](const Kernels& kernels, AttentionKind kind) {
      return RunAttention(kernels, kind, c, qkv, 0, c.length);
    };
    const auto got = run(*GetParam(), AttentionKind::kInt8);
    EXPECT_LT(Distance(got, run(*AvailableKernels().front(), AttentionKind::kInt8)), 0.01)
        << Describe(c);
    EXPECT_LT(Distance(got, run(*AvailableKernels().front(), AttentionKind::kFp32)), 0.1)
        << Describe(c);
  }
}

// Queries, keys and values that are all zero, and a length beside which keys are padded: the mean
// of the values.
TEST_P(PackedAttentionTest, Int8OfEqualScoresIsTheMean) {
  if (GetParam()->attention_int8 == nullptr) GTEST_SKIP() << "no 8-bit attention";
  const AttentionCase c = {21, 1, 8};
  const size_t stride = 3 * c.head_dim + 2;
  std::vector<float> qkv(c.length * stride, 0.0f);
  for (const float context : RunAttention(*GetParam(), AttentionKind::kInt8, c, qkv, 0, c.length))
    EXPECT_EQ(context, 0.0f);
  for (size_t t = 0; t < c.length; ++t)
    qkv[t * stride + 2 * c.head_dim] = t % 2 == 0 ? 1.0f : -1.0f;
  const auto contexts = RunAttention(*GetParam(), AttentionKind::kInt8, c, qkv, 0, c.length);
  for (size_t t = 0; t < c.length; ++t) EXPECT_NEAR(contexts[t * c.head_dim], 1.0f / 21, 0.002f);
}

// Scores so large that fp32 has no fractions for them, and a bias that leaves all keys far behind
// those that are not there.
TEST_P(PackedAttentionTest, Int8OfLargeScores) {
  if (GetParam()->attention_int8 == nullptr) GTEST_SKIP() << "no 8-bit attention";
  for (const size_t length : {1, 3, 17, 21}) {
    for (const float size : {0.0f, 7.0f, 199.0f, 3000.7f}) {
      const AttentionCase c = {length, 1, 64};
      std::vector<float> qkv(length * (3 * c.head_dim + 2), size);
      for (const float context : RunAttention(*GetParam(), AttentionKind::kInt8, c, qkv, 0, length))
        EXPECT_NEAR(context, size, 0.01f * size) << length << " tokens of " << size;
    }
  }
}

// Bytes cannot hold what is not finite: it must not become a number.
TEST_P(PackedAttentionTest, Int8TellsWhatIsNotFinite) {
  if (GetParam()->attention_int8 == nullptr) GTEST_SKIP() << "no 8-bit attention";
  const AttentionCase c = {21, 1, 24};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, -HUGE_VALF}) {
    for (size_t part = 0; part < 3; ++part) {
      auto qkv = RandomQkv(c);
      qkv[20 * (3 * c.head_dim + 2) + part * c.head_dim + 5] = bad;
      const auto contexts = RunAttention(*GetParam(), AttentionKind::kInt8, c, qkv, 0, c.length);
      EXPECT_FALSE(std::isfinite(contexts[20 * c.head_dim + 5])) << "part " << part;
    }
  }
}

TEST_P(PackedAttentionTest, RowsDoNotDependOnGrouping) {
  for (const AttentionKind kind : {AttentionKind::kPacked, AttentionKind::kInt8}) {
    if (kind == AttentionKind::kInt8 && GetParam()->attention_int8 == nullptr) continue;
    for (const bool bias : {false, true}) {
      const AttentionCase c = {37, 2, 24, bias};
      const auto qkv = RandomQkv(c);
      const auto all = RunAttention(*GetParam(), kind, c, qkv, 0, c.length);
      for (size_t first = 0; first < c.length; first += 3) {
        for (size_t queries = 1; first + queries <= c.length; queries += 5) {
          const auto some = RunAttention(*GetParam(), kind, c, qkv, first, queries);
          EXPECT_EQ(0, std::memcmp(some.data(), all.data() + first * c.heads * c.head_dim,
                                   some.size() * sizeof(float)));
        }
      }
    }
  }
}

std::string TableName(const testing::TestParamInfo<const Kernels*>& info) {
  return info.param->name;
}
INSTANTIATE_TEST_SUITE_P(Tables, PackedAttentionTest, testing::ValuesIn(AvailableKernels()),
                         TableName);

}  // namespace
}  // namespace minnow
