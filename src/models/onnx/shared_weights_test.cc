// SPDX-License-Identifier: Apache-2.0
// One weight in the layouts and precisions that a graph may hold it in at once, and others.
#include "models/onnx/shared_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace minnow {
namespace {

constexpr int64_t kRows = 37, kColumns = 5;

TensorView View(const std::vector<float>& values) {
  return {.name = "", .shape = {kRows, kColumns}, .data = std::as_bytes(std::span(values))};
}

class SharedWeightTest : public testing::Test {
 protected:
  SharedWeightTest() {
    for (size_t i = 0; i < values_.size(); ++i)
      values_[i] = static_cast<float>(static_cast<int>(i * 7919 % 255) - 127) / 100.0f;
    turned_.resize(values_.size());
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t c = 0; c < kColumns; ++c) turned_[c * kRows + r] = values_[r * kColumns + c];
    }
  }
  TensorView Turned() const {
    TensorView view = View(turned_);
    view.transposed = true;
    return view;
  }

  std::vector<float> values_ = std::vector<float>(kRows * kColumns);
  std::vector<float> turned_;
};

TEST_F(SharedWeightTest, InAnotherLayout) {
  const std::vector<float> copy = values_;
  EXPECT_TRUE(SameWeight(View(values_), View(copy)));
  EXPECT_TRUE(SameWeight(View(values_), Turned()));
  turned_.back() = std::nextafter(turned_.back(), 9.0f);
  EXPECT_FALSE(SameWeight(View(values_), Turned()));
  turned_.back() = NAN;
  EXPECT_FALSE(SameWeight(View(values_), Turned()));
}

TEST_F(SharedWeightTest, RoundedOrNot) {
  const float scale = 0.02f;
  std::vector<int8_t> rounded;
  for (const float value : turned_)
    rounded.push_back(static_cast<int8_t>(std::lround(value / scale)));
  TensorView view = Turned();
  view.type = TensorType::kI8;
  view.data = std::as_bytes(std::span(rounded));
  view.scales = {&scale, 1};
  EXPECT_TRUE(SameWeight(View(values_), view));
  rounded[20] = static_cast<int8_t>(rounded[20] + 2);
  EXPECT_FALSE(SameWeight(View(values_), view));
}

TEST_F(SharedWeightTest, OfAnotherShapeOrWithOtherScales) {
  TensorView view = View(values_);
  view.shape = {kColumns, kRows};
  EXPECT_FALSE(SameWeight(View(values_), view));
  const std::vector<float> scales(kRows - 1, 1.0f);
  TensorView scaled = Turned();
  scaled.scales = scales;
  EXPECT_FALSE(HasScalesOfRows(scaled));
  EXPECT_FALSE(SameWeight(View(values_), scaled));
}

}  // namespace
}  // namespace minnow
