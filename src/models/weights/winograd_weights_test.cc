// SPDX-License-Identifier: Apache-2.0
#include "models/weights/winograd_weights.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "models/weights/loader.h"
#include "models/weights/random_weights.h"
#include "nn/maps/winograd.h"

namespace minnow {
namespace {

struct Shape {
  size_t in = 64;
  size_t out = 80;
  size_t stride = 1;
};

// One convolution 3x3 without a bias.
struct WinogradCase {
  Shape shape = {};
  Linear linear = {};
  const void* winograd = nullptr;

  WeightList List() {
    return [this](WeightVisitor& visitor) {
      const std::string name = "conv";
      return visitor.Product({.name = name,
                              .parts = {&name, 1},
                              .in_features = shape.in,
                              .out_features = shape.out,
                              .bias = false,
                              .kernel = 3,
                              .winograd = shape.stride == 1 ? &winograd : nullptr},
                             linear);
    };
  }
};

class SeededWeights : public TensorSource {
 public:
  explicit SeededWeights(const Shape& shape) : values_(shape.out * shape.in * 9) {
    for (size_t i = 0; i < values_.size(); ++i)
      values_[i] = static_cast<float>(i * 7919 % 2003) / 1001.0f - 1.0f;
    view_.name = "conv.weight";
    view_.shape = {static_cast<int64_t>(shape.out), static_cast<int64_t>(shape.in), 3, 3};
    view_.data = std::as_bytes(std::span(values_));
    view_.file = &file_;
  }
  std::string name() const override { return "memory"; }
  const TensorView* Find(std::string_view name) const override {
    return name == view_.name ? &view_ : nullptr;
  }

 private:
  std::vector<float> values_;
  MappedFile file_ = MappedFile::OfProgram({}, "memory");
  TensorView view_;
};

LoadOptions Options(Dtype dtype, bool winograd) {
  return {.prefix = "", .dtype = dtype, .embedding = std::nullopt, .winograd = winograd};
}

TEST(WinogradWeights, AreMadeOfThePackedOnes) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    SCOPED_TRACE(DtypeName(dtype));
    WinogradCase direct, faster;
    const SeededWeights source(direct.shape);
    const auto slow = LoadWeights(source, Options(dtype, false), direct.List());
    const auto fast = LoadWeights(source, Options(dtype, true), faster.List());
    ASSERT_TRUE(slow.ok() && fast.ok());
    EXPECT_EQ(direct.winograd, nullptr);
    EXPECT_EQ(faster.linear.weights().weight, nullptr);
    ASSERT_NE(faster.winograd, nullptr);
    const size_t bytes = WinogradWeightBytes(dtype, 64, 80);
    std::vector<std::byte> expected(bytes);
    PackWinograd(direct.linear.weights(), 64, 80, expected.data());
    EXPECT_EQ(std::memcmp(faster.winograd, expected.data(), bytes), 0);
    EXPECT_EQ(StorageBytes(direct.List(), dtype, false).value(), slow->bytes());
    EXPECT_EQ(StorageBytes(direct.List(), dtype, true).value(), fast->bytes());
    // A corner takes the corner's tap alone.
    if (dtype == Dtype::kF32) {
      EXPECT_EQ(static_cast<const float*>(faster.winograd)[5],
                static_cast<const float*>(direct.linear.weights().weight)[5]);
    }
  }
}

TEST(WinogradWeights, OnlyWhereTheyPay) {
  const auto taken = [](const Shape& shape, Dtype dtype) {
    WinogradCase convolution = {.shape = shape};
    const auto storage = RandomWeights(dtype, convolution.List(), /*winograd=*/true);
    EXPECT_TRUE(storage.ok());
    EXPECT_EQ(convolution.winograd == nullptr, convolution.linear.weights().weight != nullptr);
    return convolution.winograd != nullptr;
  };
  EXPECT_TRUE(taken({}, Dtype::kBF16));
  EXPECT_TRUE(taken({}, Dtype::kF32));
  EXPECT_TRUE(taken({}, Dtype::kInt8));
  EXPECT_FALSE(taken({.in = 4}, Dtype::kBF16));
  EXPECT_FALSE(taken({.out = 4}, Dtype::kBF16));
  EXPECT_FALSE(taken({.stride = 2}, Dtype::kBF16));
}

}  // namespace
}  // namespace minnow
