// SPDX-License-Identifier: Apache-2.0
// Convolutions beside their plain twin.
#include "nn/maps/int8_block.h"
#include "nn/maps/winograd.h"
#include "tests/image_ops_fixture.h"

namespace minnow {
namespace {

using ImageConvolutionTest = ImageOpsTest;

struct ConvolutionCase {
  size_t images, height, width, first, second, outputs;
  size_t kernel = 3, stride = 1;
  size_t to_height = 0, to_width = 0;
  Border border = Border::kAll;
  bool norm = false;
  Activation before = Activation::kNone, after = Activation::kNone;
  bool per_image = false, residual = false;
};

std::ostream& operator<<(std::ostream& out, const ConvolutionCase& c) {
  return out << c.images << " x " << c.height << " x " << c.width << ", " << c.first << " + "
             << c.second << " -> " << c.outputs << ", kernel " << c.kernel << ", stride "
             << c.stride << ", to " << c.to_height << " x " << c.to_width;
}

// All that one convolution reads.
struct ConvolutionData {
  ConvolutionData(const Kernels& kernels, Dtype type, Dtype weights, const ConvolutionCase& c)
      : c(c),
        first(type, c.images, c.height, c.width, c.first, 1),
        second(type, c.images, c.height, c.width, c.second != 0 ? c.second : 1, 2),
        product(kernels, weights, c.kernel * c.kernel * RoundUpChannels(c.first + c.second),
                c.outputs, 3),
        gamma(RandomFloats(c.first + c.second, 5)),
        beta(RandomFloats(c.first + c.second, 6)),
        per_image(c.images * PaddedColumns(c.outputs)),
        residual(Output(type, c.images, 7)) {
    const auto values = RandomFloats(per_image.size(), 8);
    for (size_t i = 0; i < values.size(); ++i)
      per_image[i] = i % PaddedColumns(c.outputs) < c.outputs ? values[i] : 0.0f;
    norm = {gamma.data(), beta.data(), (c.first + c.second) % 32 == 0 ? size_t{32} : size_t{1}};
    convolution = {product.linear, c.first + c.second, c.outputs, c.kernel, c.stride};
  }

  size_t Side(size_t side, size_t to) const {
    const size_t size = to != 0 ? to : side;
    const size_t added = c.kernel == 1 ? 0 : c.border == Border::kAll ? 2 : 1;
    return (size + added - c.kernel) / c.stride + 1;
  }
  OwnedMap Output(Dtype type, size_t images, unsigned seed) const {
    return OwnedMap(type, images, Side(c.height, c.to_height), Side(c.width, c.to_width), c.outputs,
                    seed);
  }

  // Of images [first_image, first_image + y.images).
  template <class Ops>
  void Run(Ops& ops, size_t first_image, FeatureMap& y) {
    FeatureMap a = Images(first.map, first_image, y.images);
    FeatureMap b = Images(second.map, first_image, y.images);
    FeatureMap r = Images(residual.map, first_image, y.images);
    const ConvolutionInput input = {.first = &a,
                                    .second = c.second != 0 ? &b : nullptr,
                                    .norm = c.norm ? &norm : nullptr,
                                    .activation = c.before,
                                    .height = c.to_height,
                                    .width = c.to_width,
                                    .border = c.border};
    const ConvolutionOutput then = {
        .per_image =
            c.per_image ? per_image.data() + first_image * PaddedColumns(c.outputs) : nullptr,
        .activation = c.after,
        .residual = c.residual ? &r : nullptr};
    ops.Convolve(input, convolution, then, y);
  }

  static FeatureMap Images(const FeatureMap& map, size_t first, size_t count) {
    FeatureMap some = map;
    some.data += first * map.image_pixels() * map.pixel_bytes();
    some.images = count;
    return some;
  }

  ConvolutionCase c;
  OwnedMap first, second;
  OwnedLinear product;
  std::vector<float> gamma, beta, per_image;
  OwnedMap residual;
  GroupNorm norm;
  Convolution convolution;
};

// style: long function, a table
std::vector<ConvolutionCase> ConvolutionCases() {
  const auto silu = Activation::kSilu, relu = Activation::kRelu;
  return {
      {.images = 1, .height = 1, .width = 1, .first = 4, .second = 0, .outputs = 8},
      {.images = 2, .height = 7, .width = 5, .first = 3, .second = 0, .outputs = 3},
      {.images = 2,
       .height = 7,
       .width = 5,
       .first = 32,
       .second = 64,
       .outputs = 40,
       .norm = true,
       .before = silu,
       .per_image = true,
       .residual = true},
      {.images = 1,
       .height = 33,
       .width = 65,
       .first = 32,
       .second = 0,
       .outputs = 20,
       .norm = true,
       .before = silu},
      {.images = 1,
       .height = 17,
       .width = 130,
       .first = 4,
       .second = 0,
       .outputs = 32,
       .after = relu,
       .residual = true},
      {.images = 1,
       .height = 8,
       .width = 8,
       .first = 320,
       .second = 0,
       .outputs = 320,
       .norm = true,
       .before = silu,
       .per_image = true},
      {.images = 1, .height = 9, .width = 12, .first = 32, .second = 0, .outputs = 48, .stride = 2},
      {.images = 2,
       .height = 8,
       .width = 11,
       .first = 32,
       .second = 0,
       .outputs = 48,
       .stride = 2,
       .border = Border::kRightAndBottom},
      {.images = 1,
       .height = 7,
       .width = 5,
       .first = 32,
       .second = 0,
       .outputs = 33,
       .to_height = 14,
       .to_width = 10},
      {.images = 2,
       .height = 7,
       .width = 5,
       .first = 4,
       .second = 0,
       .outputs = 16,
       .to_height = 13,
       .to_width = 9,
       .before = relu},
      {.images = 2,
       .height = 33,
       .width = 35,
       .first = 32,
       .second = 0,
       .outputs = 64,
       .kernel = 1,
       .residual = true},
      {.images = 2, .height = 7, .width = 5, .first = 32, .second = 20, .outputs = 64, .kernel = 1},
      {.images = 1, .height = 7, .width = 5, .first = 4, .second = 0, .outputs = 8, .kernel = 1},
  };
}

TEST_P(ImageConvolutionTest, ConvolutionEqualsPlain) {
  for (const ConvolutionCase& c : ConvolutionCases()) {
    SCOPED_TRACE(c);
    if (slow() && c.first >= 320) continue;
    ConvolutionData data(kernels(), type(), weights(), c);
    OwnedMap got = data.Output(type(), c.images, 0), expected = data.Output(type(), c.images, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 0, got.map); });
    PlainImageOps plain(kernels());
    data.Run(plain, 0, expected.map);
    ExpectNear(got, expected);
  }
}

// The scalar table rounds the same blocks to the same integers, but for ties.
TEST_P(ImageConvolutionTest, Int8EqualsScalarKernels) {
  if (weights() != Dtype::kInt8) GTEST_SKIP() << "as ConvolutionEqualsPlain";
  for (const ConvolutionCase& c : ConvolutionCases()) {
    SCOPED_TRACE(c);
    ConvolutionData data(kernels(), type(), weights(), c);
    OwnedMap got = data.Output(type(), c.images, 0), expected = data.Output(type(), c.images, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 0, got.map); });
    RunWith(scalar(), 1, [&](ImageOps& ops) { data.Run(ops, 0, expected.map); });
    ExpectSmallError(got, expected, kInt8TableTolerance);
  }
}

TEST_P(ImageConvolutionTest, ConvolutionIsTheSameAloneAndOnTwoThreads) {
  for (const ConvolutionCase& c : ConvolutionCases()) {
    SCOPED_TRACE(c);
    if (slow() && c.first >= 320) continue;
    ConvolutionData data(kernels(), type(), weights(), c);
    OwnedMap one = data.Output(type(), c.images, 0), two = data.Output(type(), c.images, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 0, one.map); });
    Run(2, [&](ImageOps& ops) { data.Run(ops, 0, two.map); });
    EXPECT_EQ(one.Values(), two.Values());
    if (c.images == 1) continue;
    OwnedMap alone = data.Output(type(), 1, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 1, alone.map); });
    EXPECT_EQ(one.Values(1), alone.Values());
  }
}

// The same convolution in Winograd's form.
TEST_P(ImageConvolutionTest, WinogradEqualsPlain) {
  for (const ConvolutionCase& c : ConvolutionCases()) {
    if (c.kernel != 3 || c.stride != 1 || (slow() && c.first >= 320)) continue;
    SCOPED_TRACE(c);
    ConvolutionData data(kernels(), type(), weights(), c);
    OwnedMap expected = data.Output(type(), c.images, 0);
    PlainImageOps plain(kernels());
    data.Run(plain, 0, expected.map);
    const size_t channels = c.first + c.second;
    AlignedBuffer<std::byte> packed(WinogradWeightBytes(weights(), channels, c.outputs));
    PackWinograd(data.product.linear.weights(), channels, c.outputs, packed.data());
    data.convolution.winograd = packed.data();
    OwnedMap one = data.Output(type(), c.images, 0), two = data.Output(type(), c.images, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 0, one.map); });
    Run(2, [&](ImageOps& ops) { data.Run(ops, 0, two.map); });
    ExpectNear(one, expected);
    EXPECT_EQ(one.Values(), two.Values());
    if (c.images == 1) continue;
    OwnedMap alone = data.Output(type(), 1, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 1, alone.map); });
    EXPECT_EQ(one.Values(1), alone.Values());
  }
}

TEST_P(ImageConvolutionTest, ResidualMayBeTheResult) {
  const ConvolutionCase c = {.images = 1,
                             .height = 7,
                             .width = 9,
                             .first = 32,
                             .second = 0,
                             .outputs = 40,
                             .residual = true};
  ConvolutionData data(kernels(), type(), weights(), c);
  OwnedMap apart = data.Output(type(), 1, 0);
  Run(1, [&](ImageOps& ops) { data.Run(ops, 0, apart.map); });
  Run(1, [&](ImageOps& ops) {
    if (!ops.planning())
      data.Run(ops, 0, data.residual.map);
    else
      data.Run(ops, 0, apart.map);
  });
  EXPECT_EQ(data.residual.Values(), apart.Values());
}

TEST_P(ImageConvolutionTest, StopsWhenTold) {
  const ConvolutionCase c = {
      .images = 1, .height = 33, .width = 65, .first = 32, .second = 0, .outputs = 20};
  ConvolutionData data(kernels(), type(), weights(), c);
  OwnedMap y = data.Output(type(), 1, 0);
  const auto before = y.Values();
  Arena arena(size_t{16} << 20);
  const std::atomic<bool> stop{true};
  ImageOps ops(kernels(), type(), nullptr, arena, &stop);
  data.Run(ops, 0, y.map);
  EXPECT_TRUE(ops.stopped());
  EXPECT_EQ(std::memcmp(before.data(), y.Values().data(), before.size() * sizeof(float)), 0);
}

TEST(Int8StepTest, StepsReachBothEndsAndZeroIsWhole) {
  for (const auto& [low, high] : std::vector<std::pair<float, float>>{
           {-1.0f, 1.0f}, {0.25f, 3.0f}, {-5.0f, -2.0f}, {-0.2784f, 11.0f}, {-1e-30f, 1e-30f}}) {
    const Int8Step step = StepFor(low, high);
    const auto integer = [&](float x) { return (x - step.offset) * step.inverse; };
    EXPECT_NEAR(integer(0.0f), std::round(integer(0.0f)), 1e-3);
    for (const float x : {low, high, 0.0f}) {
      EXPECT_GE(std::nearbyint(integer(x)), 0.0f) << x;
      EXPECT_LE(std::nearbyint(integer(x)), 255.0f) << x;
      EXPECT_NEAR(std::nearbyint(integer(x)) * step.scale + step.offset, x, 0.51f * step.scale);
    }
  }
}

TEST(Int8StepTest, NothingAndFaults) {
  EXPECT_EQ(StepFor(0.0f, 0.0f).scale, 0.0f);
  for (const float fault : {NAN, INFINITY}) EXPECT_TRUE(std::isnan(StepFor(0.0f, fault).scale));
  EXPECT_TRUE(std::isnan(StepFor(-INFINITY, 1.0f).scale));
  const auto tiny = StepFor(-1e-38f, 1e-38f);
  EXPECT_EQ(tiny.scale, 0.0f);
  EXPECT_EQ(tiny.offset, 0.0f);
}

// A pixel that is no number, with others after it, is not lost.
TEST_P(ImageConvolutionTest, WhatIsNoNumberStays) {
  const ConvolutionCase c = {
      .images = 1, .height = 9, .width = 7, .first = 67, .second = 0, .outputs = 16};
  for (const size_t channel : {0, 40, 66}) {
    ConvolutionData data(kernels(), type(), weights(), c);
    const size_t pixel = 4 * 7 + 3;
    SetElement(ElementAt(data.first.map, pixel), ElementOf(type()), channel, NAN);
    OwnedMap y = data.Output(type(), 1, 0);
    Run(1, [&](ImageOps& ops) { data.Run(ops, 0, y.map); });
    const float near = GetElement(ElementAt(y.map, pixel), ElementOf(type()), 0);
    EXPECT_TRUE(std::isnan(near)) << channel << ": " << near;
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, ImageConvolutionTest, testing::ValuesIn(ImageOpsParams()),
                         ImageOpsParamName);

}  // namespace
}  // namespace minnow
