// SPDX-License-Identifier: Apache-2.0
// Products, norms and attention over maps beside their plain twins.
#include <algorithm>

#include "nn/maps/map_product.h"
#include "tests/image_ops_fixture.h"

namespace minnow {
namespace {

// --- products and norms ---

struct TokenData {
  TokenData(const Kernels& kernels, Dtype type, Dtype weights, size_t tokens, size_t channels,
            size_t outputs)
      : x(type, 2, 1, tokens, channels, 1),
        residual(type, 2, 1, tokens, outputs, 2),
        linear(kernels, weights, channels, outputs, 3),
        in(kernels, weights, channels, 8 * channels, 4),
        out(kernels, weights, 4 * channels, channels, 5),
        gamma(RandomFloats(channels, 6)),
        beta(RandomFloats(channels, 7)),
        norm{gamma.data(), beta.data()} {}

  OwnedMap x, residual;
  OwnedLinear linear, in, out;
  std::vector<float> gamma, beta;
  LayerNorm norm;
};

TEST_P(ImageOpsTest, ProductEqualsPlain) {
  for (const size_t tokens : {1, 5, 77, 300}) {
    for (const size_t channels : {5, 32, 48}) {
      for (const bool norm : {false, true}) {
        SCOPED_TRACE(testing::Message() << tokens << " tokens, " << channels << ", " << norm);
        TokenData data(kernels(), type(), weights(), tokens, channels, 35);
        OwnedMap one(type(), 2, 1, tokens, 35), two(type(), 2, 1, tokens, 35);
        OwnedMap expected(type(), 2, 1, tokens, 35);
        const auto run = [&](auto& ops, FeatureMap& y) {
          ops.Product(data.x.map, norm ? &data.norm : nullptr, data.linear.linear,
                      Activation::kQuickGelu, norm ? &data.residual.map : nullptr, y);
        };
        Run(1, [&](ImageOps& ops) { run(ops, one.map); });
        Run(2, [&](ImageOps& ops) { run(ops, two.map); });
        PlainImageOps plain(kernels());
        run(plain, expected.map);
        ExpectNear(one, expected);
        EXPECT_EQ(one.Values(), two.Values());
      }
    }
  }
}

// Each of the two tasks is so large that its turn ends between two parts of the columns.
TEST_P(ImageOpsTest, ProductIsTheSameInTurns) {
  if (&kernels() != &ActiveKernels()) GTEST_SKIP() << "large, and as on the best table";
  OwnedMap x(type(), 2, 1, 256, 768, 1), one(type(), 2, 1, 256, 768), two(type(), 2, 1, 256, 768);
  OwnedLinear linear(kernels(), weights(), 768, 768, 2);
  const auto run = [&](ImageOps& ops, FeatureMap& y) {
    ops.Product(x.map, nullptr, linear.linear, Activation::kNone, nullptr, y);
  };
  Run(1, [&](ImageOps& ops) { run(ops, one.map); });
  Run(2, [&](ImageOps& ops) { run(ops, two.map); });
  EXPECT_EQ(one.Values(), two.Values());
}

TEST_P(ImageOpsTest, GatedFeedForwardEqualsPlain) {
  for (const size_t tokens : {1, 70, 300}) {
    for (const size_t channels : {5, 32, 64}) {
      SCOPED_TRACE(testing::Message() << tokens << " tokens, " << channels);
      TokenData data(kernels(), type(), weights(), tokens, channels, 8);
      OwnedMap one(type(), 2, 1, tokens, channels), two(type(), 2, 1, tokens, channels);
      OwnedMap expected(type(), 2, 1, tokens, channels);
      const auto run = [&](auto& ops, FeatureMap& y) {
        ops.GatedFeedForward(data.x.map, data.norm, data.in.linear, data.out.linear, y);
      };
      Run(1, [&](ImageOps& ops) { run(ops, one.map); });
      Run(2, [&](ImageOps& ops) { run(ops, two.map); });
      PlainImageOps plain(kernels());
      run(plain, expected.map);
      ExpectNear(one, expected);
      EXPECT_EQ(one.Values(), two.Values());
    }
  }
}

TEST_P(ImageOpsTest, Int8EqualsScalarKernels) {
  if (weights() != Dtype::kInt8) GTEST_SKIP() << "as ProductEqualsPlain";
  for (const size_t channels : {5, 32, 48}) {
    SCOPED_TRACE(channels);
    TokenData data(kernels(), type(), weights(), 45, channels, 35);
    OwnedMap got(type(), 2, 1, 45, 35), expected(type(), 2, 1, 45, 35);
    OwnedMap gated(type(), 2, 1, 45, channels), expected_gated(type(), 2, 1, 45, channels);
    const auto run = [&](ImageOps& ops, OwnedMap& product, OwnedMap& feed) {
      ops.Product(data.x.map, &data.norm, data.linear.linear, Activation::kNone, nullptr,
                  product.map);
      ops.GatedFeedForward(data.x.map, data.norm, data.in.linear, data.out.linear, feed.map);
    };
    Run(1, [&](ImageOps& ops) { run(ops, got, gated); });
    RunWith(scalar(), 1, [&](ImageOps& ops) { run(ops, expected, expected_gated); });
    ExpectSmallError(got, expected, kInt8TableTolerance);
    ExpectSmallError(gated, expected_gated, kInt8TableTolerance);
  }
}

TEST_P(ImageOpsTest, Int8ElementsStayWithinTheirRange) {
  if (weights() != Dtype::kInt8) GTEST_SKIP() << "no integers";
  const MapInt8Kernels& int8 = MapInt8For(kernels());
  std::vector<float> x(35, -1.0f);  // whole vectors and a rest
  for (const size_t at : {0, 20, 32}) {
    x[at] = 255.0f;
    x[at + 1] = 257.0f;
    x[at + 2] = 4.0f;
  }
  const MapAffine values = {.x = x.data(),
                            .x_element = kMapF32,
                            .x_stride = x.size(),
                            .from = nullptr,
                            .scale = nullptr,
                            .shift = nullptr,
                            .activation = kMatmulNone,
                            .y = nullptr,
                            .y_element = kMapF32,
                            .y_stride = 0,
                            .rows = 1,
                            .channels = x.size()};
  std::vector<int16_t> y(x.size());
  const MapQuantize args = {&values, /*offset=*/0.0f, /*inverse=*/1.0f, y.data(), x.size()};
  int8.quantize(&args);
  for (size_t i = 0; i < x.size(); ++i) {
    SCOPED_TRACE(x[i]);
    const int expected = static_cast<int>(std::clamp(x[i], 0.0f, 255.0f)) - int8.quantum_bias;
    if (int8.quantum_bytes == 2)
      EXPECT_EQ(y[i], expected);
    else
      EXPECT_EQ(reinterpret_cast<const uint8_t*>(y.data())[i], static_cast<uint8_t>(expected));
  }
}

TEST_P(ImageOpsTest, NormsEqualPlain) {
  for (const auto& [height, width] : {std::pair<size_t, size_t>{1, 1}, {7, 5}, {65, 33}}) {
    SCOPED_TRACE(testing::Message() << height << " x " << width);
    OwnedMap x(type(), 2, height, width, 96, 1), group(type(), 2, height, width, 96);
    OwnedMap layer(type(), 2, height, width, 96), expected(type(), 2, height, width, 96);
    const auto gamma = RandomFloats(96, 2), beta = RandomFloats(96, 3);
    const GroupNorm group_norm = {gamma.data(), beta.data()};
    const LayerNorm layer_norm = {gamma.data(), beta.data()};
    PlainImageOps plain(kernels());
    Run(2, [&](ImageOps& ops) { ops.Normalize(x.map, group_norm, group.map); });
    plain.Normalize(x.map, group_norm, expected.map);
    ExpectNear(group, expected);
    Run(2, [&](ImageOps& ops) { ops.Normalize(x.map, layer_norm, layer.map); });
    plain.Normalize(x.map, layer_norm, expected.map);
    ExpectNear(layer, expected);
  }
}

// A mean that is large beside the deviations costs no digits of these.
TEST_P(ImageOpsTest, GroupNormKeepsSmallDeviations) {
  if (type() != Dtype::kF32) GTEST_SKIP() << "bf16 cannot hold them";
  OwnedMap x(type(), 1, 40, 40, 32, 1), y(type(), 1, 40, 40, 32), expected(type(), 1, 40, 40, 32);
  for (size_t p = 0; p < x.map.pixels(); ++p) {
    for (size_t c = 0; c < 32; ++c) {
      const float value = GetElement(ElementAt(x.map, p), kMapF32, c);
      SetElement(ElementAt(x.map, p), kMapF32, c, 1024.0f + std::round(value * 64) / 64);
    }
  }
  const std::vector<float> gamma(32, 1.0f), beta(32, 0.0f);
  const GroupNorm norm = {gamma.data(), beta.data()};
  Run(1, [&](ImageOps& ops) { ops.Normalize(x.map, norm, y.map); });
  PlainImageOps(kernels()).Normalize(x.map, norm, expected.map);
  const auto got = y.Values(), want = expected.Values();
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3);
}

// --- attention ---

TEST_P(ImageOpsTest, AttentionEqualsPlain) {
  struct Case {
    size_t queries, keys, heads, size;
    bool causal = false;
    float scale = 1;  // of queries: large scores need the largest one first
  };
  for (const Case& c : {Case{1, 1, 1, 8},
                        {77, 77, 2, 64, true},
                        {5, 5, 1, 3, true},
                        {150, 150, 2, 40},
                        {70, 77, 2, 40},
                        {300, 300, 1, 80, true},
                        {64, 130, 2, 160},
                        {257, 129, 3, 13},
                        {96, 512, 2, 40},
                        {96, 96, 1, 40, false, 0.1f},
                        {96, 600, 2, 40, false, 30},
                        {50, 260, 1, 512}}) {
    SCOPED_TRACE(testing::Message() << c.queries << " x " << c.keys << ", " << c.heads
                                    << " heads of " << c.size << (c.causal ? ", causal" : ""));
    const size_t channels = c.heads * c.size;
    OwnedMap q(type(), 2, 1, c.queries, 3 * channels, 1), kv(type(), 2, 1, c.keys, 3 * channels, 2);
    for (size_t i = 0; i < q.map.pixels() * q.map.stride(); ++i)
      SetElement(q.map.data, ElementOf(type()), i,
                 c.scale * GetElement(q.map.data, ElementOf(type()), i));
    OwnedMap one(type(), 2, 1, c.queries, channels), two(type(), 2, 1, c.queries, channels);
    OwnedMap expected(type(), 2, 1, c.queries, channels);
    const auto run = [&](auto& ops, FeatureMap& y) {
      ops.Attend({&q.map, 0}, {&kv.map, channels}, {&kv.map, 2 * channels}, c.heads, c.causal, y);
    };
    Run(1, [&](ImageOps& ops) { run(ops, one.map); });
    Run(2, [&](ImageOps& ops) { run(ops, two.map); });
    PlainImageOps plain(kernels());
    run(plain, expected.map);
    ExpectNear(one, expected);
    EXPECT_EQ(one.Values(), two.Values());
  }
}

// --- the rest ---

TEST_P(ImageOpsTest, PlanesThereAndBack) {
  const auto planes = RandomFloats(2 * 3 * 7 * 5, 1);
  OwnedMap map(type(), 2, 7, 5, 3);
  std::vector<float> back(planes.size());
  Run(2, [&](ImageOps& ops) {
    ops.FromPlanes(planes.data(), map.map);
    ops.ToPlanes(map.map, back.data());
  });
  for (size_t i = 0; i < planes.size(); ++i) EXPECT_NEAR(back[i], planes[i], 0.02);
}

INSTANTIATE_TEST_SUITE_P(Tables, ImageOpsTest, testing::ValuesIn(ImageOpsParams()),
                         ImageOpsParamName);

}  // namespace
}  // namespace minnow
