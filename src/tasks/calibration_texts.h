// SPDX-License-Identifier: Apache-2.0
// The texts that int8 weights are calibrated with (models/calibration.h): others than those that
// measure the result (quality_texts.h).
#pragma once

#include <string>
#include <vector>

namespace minnow {

std::vector<std::string> CalibrationTexts();

}  // namespace minnow
