// SPDX-License-Identifier: Apache-2.0
// Calibration: what the inputs of a model's products look like over some texts, so that int8 can
// spend its steps where they count.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "formats/encoder_config.h"
#include "kernels/kernels.h"
#include "models/encoder.h"

namespace minnow {

// Of one product's inputs x: [T, K], over all tokens.
struct ProductInputs {
  std::vector<float> most;  // [K]: largest magnitudes
  std::vector<float> mean;  // [K]
};

// By the product's name (weight_list.h).
using Calibration = std::map<std::string, ProductInputs>;

// Runs the texts through `weights`, which are fp32, on the calling thread. REQUIRES: ids fit the
// model, texts are not empty.
Calibration Calibrate(const EncoderConfig& config, const EncoderWeights& weights,
                      const Kernels& kernels, std::span<const std::vector<int32_t>> texts);

}  // namespace minnow
