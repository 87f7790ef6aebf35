// SPDX-License-Identifier: Apache-2.0
#include "models/weights/calibration.h"

#include <algorithm>
#include <cmath>

namespace minnow {

void Calibrator::Observe(const Linear& linear, ConstRows x, size_t rows) {
  Sums& sums = sums_[&linear];
  const size_t channels = linear.weights().in_features;
  sums.most.resize(channels);
  sums.sum.resize(channels);
  sums.rows += rows;
  for (size_t t = 0; t < rows; ++t) {
    const float* row = x.data + t * x.stride;
    for (size_t k = 0; k < channels; ++k) {
      sums.most[k] = std::max(sums.most[k], std::fabs(row[k]));
      sums.sum[k] += double{row[k]};
    }
  }
}

// What saw nothing has empty inputs.
Status Calibrator::Product(const ProductSpec& spec, Linear& linear) {
  ProductInputs& inputs = calibration_[spec.name];
  const auto found = sums_.find(&linear);
  if (found == sums_.end()) return {};
  const Sums& sums = found->second;
  inputs.most = sums.most;
  for (const double sum : sums.sum)
    inputs.mean.push_back(static_cast<float>(sum / static_cast<double>(sums.rows)));
  return {};
}

}  // namespace minnow
