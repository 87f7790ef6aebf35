// SPDX-License-Identifier: Apache-2.0
// Weights of convolutions in the order in which a window is read.
#include "models/weights/weight_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "models/weights/loader.h"
#include "models/weights/packed_weights.h"
#include "models/weights/random_weights.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

using testing::HasSubstr;

class OneTensor : public TensorSource {
 public:
  explicit OneTensor(std::vector<int64_t> shape) {
    view_.shape = std::move(shape);
    values_.resize(static_cast<size_t>(view_.elements()));
    std::iota(values_.begin(), values_.end(), 1.0f);
    view_.data = std::as_bytes(std::span(values_));
    view_.name = "w.weight";
    view_.file = &file_;
  }
  std::string name() const override { return "memory"; }
  const TensorView* Find(std::string_view name) const override {
    return name == view_.name ? &view_ : nullptr;
  }
  TensorView& view() { return view_; }
  float At(size_t o, size_t i, size_t tap) const {
    return values_[(o * static_cast<size_t>(view_.shape[1]) + i) * 9 + tap];
  }

 private:
  std::vector<float> values_;
  MappedFile file_ = MappedFile::OfProgram({}, "memory");
  TensorView view_;
};

TEST(WeightMatrix, ConvolutionsAreReorderedAndPadded) {
  const OneTensor source({2, 5, 3, 3});
  const auto matrix = ReadWeightMatrix(source, "w.weight", 2, 5, 3);
  ASSERT_TRUE(matrix.ok()) << matrix.error().message;
  EXPECT_EQ(matrix->view.shape, (std::vector<int64_t>{2, 9 * 8}));
  for (size_t o = 0; o < 2; ++o) {
    for (size_t tap = 0; tap < 9; ++tap) {
      for (size_t c = 0; c < 8; ++c) {
        const float expected = c < 5 ? source.At(o, c, tap) : 0.0f;
        EXPECT_EQ(matrix->reordered[(o * 9 + tap) * 8 + c], expected)
            << o << " " << tap << " " << c;
      }
    }
  }
}

TEST(WeightMatrix, SmallWindowsAreMatrices) {
  const auto squeezed = ReadWeightMatrix(OneTensor({6, 4, 1, 1}), "w.weight", 6, 4, 1);
  ASSERT_TRUE(squeezed.ok());
  EXPECT_EQ(squeezed->view.shape, (std::vector<int64_t>{6, 4}));
  EXPECT_TRUE(ReadWeightMatrix(OneTensor({6, 4}), "w.weight", 6, 4, 1).ok());
}

TEST(WeightMatrix, OtherShapesAreRefused) {
  const auto error = [](std::vector<int64_t> shape, size_t kernel) {
    const auto matrix = ReadWeightMatrix(OneTensor(std::move(shape)), "w.weight", 6, 4, kernel);
    return matrix.ok() ? std::string("(accepted)") : matrix.error().message;
  };
  EXPECT_THAT(error({6, 4, 1, 1}, 3), HasSubstr("shape [6, 4, 1, 1], expected [6, 4, 3, 3]"));
  EXPECT_THAT(error({6, 4, 3, 3}, 1), HasSubstr("expected [6, 4]"));
  EXPECT_THAT(error({6, 5, 1, 1}, 1), HasSubstr("expected [6, 4, 1, 1]"));
  EXPECT_THAT(error({6, 36}, 3), HasSubstr("expected [6, 4, 3, 3]"));
  OneTensor turned({6, 4, 3, 3});
  turned.view().transposed = true;
  EXPECT_EQ(ReadWeightMatrix(turned, "w.weight", 6, 4, 3).error().code, Code::kUnsupported);
}

// One convolution, through every visitor.
Status OneConvolution(Linear& linear, WeightVisitor& visitor) {
  const std::string name = "conv";
  return visitor.Product({.name = name,
                          .parts = {&name, 1},
                          .in_features = 3,
                          .out_features = 20,
                          .bias = true,
                          .kernel = 3},
                         linear);
}

TEST(WeightMatrix, RandomConvolutionsHaveNoWeightsThatPad) {
  Linear linear;
  const auto storage = RandomWeights(
      Dtype::kF32, [&](WeightVisitor& visitor) { return OneConvolution(linear, visitor); });
  ASSERT_TRUE(storage.ok());
  ASSERT_EQ(linear.weights().in_features, 36u);
  const auto* panel = static_cast<const float*>(linear.weights().weight);
  for (size_t k = 0; k < 36; ++k) EXPECT_EQ(panel[k * 16] == 0.0f, k % 4 == 3) << k;
  std::vector<PackedTensor> tensors;
  PackedWriter writer("unet.", tensors);
  ASSERT_TRUE(OneConvolution(linear, writer).ok());
  EXPECT_EQ(tensors[0].name, "unet.conv.weight");
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{2, 36, 16}));
}

}  // namespace
}  // namespace minnow
