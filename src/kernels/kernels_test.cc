// SPDX-License-Identifier: Apache-2.0
// Every table that this machine can run, against the scalar twin, over sizes around every tile and
// vector edge.
//
// How to add a kernel: give scalar.cc the plain form, add a TEST_P here that compares with it and
// one that proves that a row's bits do not depend on its neighbours.
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

size_t Padded(size_t n) { return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }

std::vector<float> RandomFloats(size_t n, unsigned seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(generator);
  return values;
}

// Largest difference relative to max(1, |reference|).
double Distance(const std::vector<float>& a, const std::vector<float>& reference) {
  double most = a.size() == reference.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < a.size() && i < reference.size(); ++i) {
    const double d = std::fabs(a[i] - reference[i]) / std::fmax(1.0, std::fabs(reference[i]));
    most = std::isnan(d) ? HUGE_VAL : std::fmax(most, d);
  }
  return most;
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
  static const Kernels& reference() { return *AvailableKernels().front(); }
};

struct MatmulCase {
  size_t rows, inner, columns;
  MatmulActivation activation = kMatmulNone;
  bool residual = false;
};

// Inputs of one product, and its run on any table.
struct Product {
  explicit Product(const MatmulCase& c)
      : c(c),
        x(RandomFloats(c.rows * (c.inner + 3), 1)),
        weight(RandomFloats(c.columns * c.inner, 2, 1.0f / std::sqrt(static_cast<float>(c.inner)))),
        bias(RandomFloats(Padded(c.columns), 3)),
        residual(RandomFloats(c.rows * Padded(c.columns), 4)) {
    for (size_t n = c.columns; n < bias.size(); ++n) bias[n] = 0;
  }

  // Rows [first, first + rows) of the product, with a stride of the output that is not its width.
  std::vector<float> Run(const Kernels& kernels, size_t first, size_t rows) const {
    AlignedBuffer<float> packed(Padded(c.columns) * c.inner);
    kernels.pack_f32(weight.data(), c.columns, c.inner, packed.data());
    const size_t columns = Padded(c.columns), stride = columns + 5;
    std::vector<float> y(rows * stride, NAN);
    const MatmulF32 args = {.x = x.data() + first * (c.inner + 3),
                            .x_stride = c.inner + 3,
                            .w = packed.data(),
                            .bias = bias.data(),
                            .residual = c.residual ? residual.data() + first * columns : nullptr,
                            .residual_stride = columns,
                            .y = y.data(),
                            .y_stride = stride,
                            .rows = rows,
                            .inner = c.inner,
                            .columns = columns,
                            .activation = c.activation};
    kernels.matmul_f32(&args);
    std::vector<float> dense;
    for (size_t r = 0; r < rows; ++r)
      dense.insert(dense.end(), y.begin() + r * stride, y.begin() + r * stride + columns);
    return dense;
  }

  MatmulCase c;
  std::vector<float> x, weight, bias, residual;
};

TEST_P(KernelsTest, MatmulEqualsReference) {
  std::vector<MatmulCase> cases;
  for (size_t rows = 1; rows <= 26; ++rows) cases.push_back({rows, 40, 16 * 13});
  for (size_t panels = 1; panels <= 12; ++panels) cases.push_back({7, 33, 16 * panels});
  for (size_t columns : {1, 15, 17, 31, 100}) cases.push_back({5, 19, columns});
  for (size_t inner : {1, 2, 16, 384}) cases.push_back({9, inner, 48});
  cases.push_back({150, 384, 384});
  for (const MatmulCase& c : cases) {
    const Product product(c);
    const auto got = product.Run(kernels(), 0, c.rows);
    EXPECT_LT(Distance(got, product.Run(reference(), 0, c.rows)), 5e-6)
        << c.rows << " x " << c.inner << " x " << c.columns;
  }
}

TEST_P(KernelsTest, MatmulEpilogues) {
  for (MatmulActivation activation : {kMatmulNone, kMatmulGeluErf, kMatmulGeluTanh, kMatmulRelu,
                                      kMatmulTanh, kMatmulSigmoid, kMatmulSilu, kMatmulQuickGelu}) {
    for (bool residual : {false, true}) {
      const Product product(
          {.rows = 11, .inner = 64, .columns = 80, .activation = activation, .residual = residual});
      EXPECT_LT(Distance(product.Run(kernels(), 0, 11), product.Run(reference(), 0, 11)), 5e-6)
          << "activation " << activation << ", residual " << residual;
    }
  }
}

TEST_P(KernelsTest, MatmulRowsDoNotDependOnGrouping) {
  const Product product({.rows = 29,
                         .inner = 96,
                         .columns = 16 * 11,
                         .activation = kMatmulGeluErf,
                         .residual = true});
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

TEST_P(KernelsTest, PackEqualsReferenceBitForBit) {
  for (size_t columns : {1, 15, 16, 17, 48}) {
    for (size_t inner : {1, 15, 16, 17, 40}) {
      const auto weight = RandomFloats(columns * inner + 1, 5);
      std::vector<float> got(Padded(columns) * inner), expected(got.size());
      // One byte off: checkpoints promise no alignment.
      std::vector<char> bytes(weight.size() * sizeof(float) + 1);
      std::memcpy(bytes.data() + 1, weight.data(), weight.size() * sizeof(float));
      kernels().pack_f32(reinterpret_cast<const float*>(bytes.data() + 1), columns, inner,
                         got.data());
      reference().pack_f32(weight.data(), columns, inner, expected.data());
      EXPECT_EQ(got, expected) << columns << " x " << inner;
    }
  }
}

struct AttentionCase {
  size_t length, heads, head_dim;
  bool bias = false;
};

// One row a head, by distance from 1 - length on.
std::vector<float> BiasTable(const AttentionCase& c) {
  return RandomFloats(c.heads * (2 * c.length - 1), 16, 3.0f);
}

std::vector<float> RunAttention(const Kernels& kernels, const AttentionCase& c,
                                const std::vector<float>& qkv, size_t first, size_t queries) {
  const size_t width = c.heads * c.head_dim, stride = 3 * width + 2;
  AlignedBuffer<float> scratch(kernels.attention_scratch_floats(c.length, c.head_dim));
  std::vector<float> context(queries * width, NAN);
  const std::vector<float> bias = BiasTable(c);
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
  kernels.attention_f32(&args);
  return context;
}

TEST_P(KernelsTest, AttentionEqualsReference) {
  std::vector<AttentionCase> cases;
  for (size_t length = 1; length <= 50; ++length) cases.push_back({length, 2, 32});
  for (size_t head_dim : {1, 5, 8, 15, 16, 17, 24, 48, 64, 80}) cases.push_back({21, 3, head_dim});
  cases.push_back({512, 1, 32});
  for (size_t i = 0, unbiased = cases.size(); i < unbiased; ++i) {
    cases.push_back(cases[i]);
    cases.back().bias = true;
  }
  for (const AttentionCase& c : cases) {
    // Scores of some hundreds: the softmax must subtract its maximum.
    const auto qkv = RandomFloats(c.length * (3 * c.heads * c.head_dim + 2), 6, 4.0f);
    const auto got = RunAttention(kernels(), c, qkv, 0, c.length);
    EXPECT_LT(Distance(got, RunAttention(reference(), c, qkv, 0, c.length)), 5e-5)
        << c.length << " tokens, head size " << c.head_dim << (c.bias ? ", bias" : "");
  }
}

// A bias that outweighs every score chooses the key.
TEST_P(KernelsTest, AttentionBiasIsByDistance) {
  const size_t length = 19, head_dim = 8, stride = 3 * head_dim;
  const auto qkv = RandomFloats(length * stride, 6);
  std::vector<float> bias(2 * length - 1, 0.0f), context(length * head_dim);
  bias[length - 1 + 2] = 1000.0f;
  AlignedBuffer<float> scratch(
      std::max(kernels().attention_scratch_floats(length, head_dim),
               kernels().attention_packed_scratch_floats(length, head_dim)));
  const AttentionF32 args = {qkv.data(),
                             qkv.data() + head_dim,
                             qkv.data() + 2 * head_dim,
                             stride,
                             context.data(),
                             head_dim,
                             length,
                             length,
                             /*heads=*/1,
                             head_dim,
                             /*scale=*/1.0f,
                             scratch.data(),
                             bias.data() + length - 1,
                             bias.size()};
  for (const auto attention : {kernels().attention_f32, kernels().attention_packed}) {
    attention(&args);
    for (size_t t = 0; t + 2 < length; ++t) {
      for (size_t d = 0; d < head_dim; ++d)
        EXPECT_NEAR(context[t * head_dim + d], qkv[(t + 2) * stride + 2 * head_dim + d], 0.02);
    }
  }
}

TEST_P(KernelsTest, AttentionRowsDoNotDependOnGrouping) {
  for (const bool bias : {false, true}) {
    const AttentionCase c = {37, 2, 24, bias};
    const auto qkv = RandomFloats(c.length * (3 * c.heads * c.head_dim + 2), 7);
    const auto all = RunAttention(kernels(), c, qkv, 0, c.length);
    for (size_t first = 0; first < c.length; first += 3) {
      for (size_t queries = 1; first + queries <= c.length; queries += 5) {
        const auto some = RunAttention(kernels(), c, qkv, first, queries);
        EXPECT_EQ(0, std::memcmp(some.data(), all.data() + first * c.heads * c.head_dim,
                                 some.size() * sizeof(float)));
      }
    }
  }
}

TEST_P(KernelsTest, LayerNormEqualsReference) {
  for (size_t channels = 1; channels <= 70; ++channels) {
    const size_t rows = 3, stride = channels + 1;
    auto x = RandomFloats(rows * stride, 8, 3.0f);
    for (float& v : x) v += 10;  // a mean far from 0 must not cost precision
    const auto gamma = RandomFloats(channels, 9), beta = RandomFloats(channels, 10);
    std::vector<float> got(rows * stride, 0), expected(got);
    LayerNormF32 args = {x.data(),   stride, gamma.data(), beta.data(), 1e-5f,
                         got.data(), stride, rows,         channels};
    kernels().layer_norm_f32(&args);
    args.y = expected.data();
    reference().layer_norm_f32(&args);
    EXPECT_LT(Distance(got, expected), 2e-5) << channels << " channels";
  }
}

TEST_P(KernelsTest, LayerNormInPlaceAndConstantRow) {
  std::vector<float> x(48, 2.5f), gamma(48, 3.0f), beta(48, -1.0f);
  const LayerNormF32 args = {x.data(), 48, gamma.data(), beta.data(), 1e-12f, x.data(), 48, 1, 48};
  kernels().layer_norm_f32(&args);
  for (float v : x) EXPECT_EQ(v, -1.0f);
}

TEST_P(KernelsTest, RmsNormEqualsReference) {
  for (size_t channels = 1; channels <= 70; ++channels) {
    const size_t rows = 3, stride = channels + 1;
    const auto x = RandomFloats(rows * stride, 8, 30.0f), weight = RandomFloats(channels, 9);
    std::vector<float> got(rows * stride, 0), expected(got), alone(channels), in_place(x);
    RmsNormF32 args = {x.data(),   stride, weight.data(), /*epsilon=*/1e-2f,
                       got.data(), stride, rows,          channels};
    kernels().rms_norm_f32(&args);
    args.y = expected.data();
    reference().rms_norm_f32(&args);
    EXPECT_LT(Distance(got, expected), 2e-6) << channels << " channels";
    args.x = args.y = in_place.data();
    kernels().rms_norm_f32(&args);
    for (size_t row = 0; row < rows; ++row) {
      args.x = x.data() + row * stride;
      args.y = alone.data();
      args.rows = 1;
      kernels().rms_norm_f32(&args);
      for (const auto& together : {got, in_place}) {
        EXPECT_EQ(
            0, std::memcmp(alone.data(), together.data() + row * stride, channels * sizeof(float)))
            << channels << " channels, row " << row;
      }
    }
  }
}

// epsilon keeps a row of zeros finite, and counts where values are small.
TEST_P(KernelsTest, RmsNormOfSmallRows) {
  std::vector<float> x(20, 0.0f), weight(20, 2.0f), y(20);
  const RmsNormF32 args = {x.data(), 20, weight.data(), 1e-6f, y.data(), 20, 1, 20};
  kernels().rms_norm_f32(&args);
  for (float v : y) EXPECT_EQ(v, 0.0f);
  std::fill(x.begin(), x.end(), 1e-3f);
  kernels().rms_norm_f32(&args);
  for (float v : y) EXPECT_NEAR(v, 2e-3f / std::sqrt(2e-6f), 1e-6f);
}

TEST_P(KernelsTest, ActivationsOverTheWholeRange) {
  std::vector<float> x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) * 0.005f);
  for (float extreme : {-1e30f, -200.0f, 200.0f, 1e30f}) x.push_back(extreme);
  for (MatmulActivation activation : {kMatmulGeluErf, kMatmulGeluTanh, kMatmulRelu, kMatmulTanh,
                                      kMatmulSigmoid, kMatmulSilu, kMatmulQuickGelu}) {
    auto got = x, expected = x;
    kernels().activate_f32(got.data(), got.size(), activation);
    reference().activate_f32(expected.data(), expected.size(), activation);
    EXPECT_LT(Distance(std::vector<float>(got.begin(), got.end() - 4),
                       std::vector<float>(expected.begin(), expected.end() - 4)),
              1e-6)
        << "activation " << activation;
    EXPECT_NEAR(got.back(), expected.back(), 1e24f) << "activation " << activation;
    EXPECT_FALSE(std::isnan(got[got.size() - 4]));
  }
}

TEST_P(KernelsTest, SumRowsAndNormalize) {
  for (size_t channels : {1, 7, 8, 16, 17, 33, 384}) {
    const auto x = RandomFloats(9 * (channels + 2), 11);
    std::vector<float> got(channels), expected(channels);
    kernels().sum_rows_f32(x.data(), channels + 2, 9, channels, got.data());
    reference().sum_rows_f32(x.data(), channels + 2, 9, channels, expected.data());
    EXPECT_LT(Distance(got, expected), 2e-6);
    kernels().normalize_f32(got.data(), channels);
    reference().normalize_f32(expected.data(), channels);
    EXPECT_LT(Distance(got, expected), 1e-6);
  }
  std::vector<float> zero(20, 0.0f);
  kernels().normalize_f32(zero.data(), zero.size());
  for (float v : zero) EXPECT_EQ(v, 0.0f);
}

TEST_P(KernelsTest, RowsOfEmbeddingTables) {
  std::mt19937 generator(12);
  for (size_t n : {1, 7, 16, 31, 32, 63, 64, 65, 128, 384, 400}) {
    const auto row = RandomFloats(n, 13);
    std::vector<int8_t> bytes(n + 64);
    for (int8_t& b : bytes) b = static_cast<int8_t>(generator());
    const auto scales = RandomFloats(n / kInt4Group + 1, 14);
    auto got = RandomFloats(n, 15), expected = got;
    for (const auto& [table, out] :
         {std::pair{&kernels(), &got}, std::pair{&reference(), &expected}}) {
      table->add_row_f32(row.data(), n, out->data());
      table->add_row_i8(bytes.data(), 0.25f, n, out->data());
      table->add_row_i4(reinterpret_cast<const uint8_t*>(bytes.data()), scales.data(), n,
                        out->data());
    }
    EXPECT_LT(Distance(got, expected), 1e-5) << n << " channels";
  }
}

std::string TableName(const testing::TestParamInfo<const Kernels*>& info) {
  return info.param->name;
}
INSTANTIATE_TEST_SUITE_P(Tables, KernelsTest, testing::ValuesIn(AvailableKernels()), TableName);

TEST(DispatchTest, NamesAreFoundOrRefusedWithTheListOfWhatRuns) {
  for (const Kernels* kernels : AvailableKernels()) {
    auto found = FindKernels(kernels->name);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(*found, kernels);
  }
  const auto unknown = FindKernels("mmx");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, Code::kInvalidArgument);
  EXPECT_NE(unknown.error().message.find("scalar"), std::string::npos);
}

}  // namespace
}  // namespace minnow
