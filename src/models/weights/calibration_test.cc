// SPDX-License-Identifier: Apache-2.0
#include "models/weights/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "models/encoder_model.h"

namespace minnow {
namespace {

using Texts = std::vector<std::vector<int32_t>>;

std::unique_ptr<EncoderModel> Tiny() {
  const auto source =
      ModelSource::Open(std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/tiny_bert").value();
  return EncoderModel::Load(source, source.layout(), {.dtype = Dtype::kF32}).value();
}

TEST(CalibrationTest, EveryProductIsMeasured) {
  const auto encoder = Tiny();
  const Calibration calibration = encoder->MeasureInputs(Texts{{2, 30, 31, 3}});
  EXPECT_EQ(calibration.size(), 2 * 4u);  // layers x products
  for (const auto& [name, inputs] : calibration) {
    const bool down =
        name.find(".output.dense") != name.npos && name.find("attention") == name.npos;
    ASSERT_EQ(inputs.most.size(), down ? 64u : 32u) << name;
    ASSERT_EQ(inputs.mean.size(), inputs.most.size()) << name;
    for (size_t k = 0; k < inputs.most.size(); ++k) {
      EXPECT_GT(inputs.most[k], 0) << name;
      EXPECT_LE(std::fabs(inputs.mean[k]), inputs.most[k]) << name;
    }
  }
}

// All tokens count alike, whichever text they are of.
TEST(CalibrationTest, TextsAddUp) {
  const auto encoder = Tiny();
  const std::vector<int32_t> first = {2, 30, 31, 32, 33, 3}, second = {2, 60, 3};
  const Calibration a = encoder->MeasureInputs(Texts{first});
  const Calibration b = encoder->MeasureInputs(Texts{second});
  for (const auto& [name, both] : encoder->MeasureInputs(Texts{first, second})) {
    const ProductInputs &x = a.at(name), &y = b.at(name);
    for (size_t k = 0; k < both.most.size(); ++k) {
      EXPECT_EQ(both.most[k], std::max(x.most[k], y.most[k])) << name;
      EXPECT_NEAR(both.mean[k], (6 * x.mean[k] + 3 * y.mean[k]) / 9, 1e-5) << name;
    }
  }
}

}  // namespace
}  // namespace minnow
