// SPDX-License-Identifier: Apache-2.0
// Rotation: a fixed random rotation of D dimensions, padded with zeros to what scan kernels take.
//
// It spreads every vector evenly over all elements, so that one bit an element keeps the most of
// any data. The same D gives the same rotation in every program and file. Immutable, any thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/check.h"
#include "kernels/scan.h"

namespace minnow {

inline float Dot(const ScanKernels& kernels, const float* a, const float* b, size_t n) {
  float dot;
  const ScanFloatDots args = {a, b, 0, 1, n, &dot};
  kernels.dot_f32(&args);
  return dot;
}

class Rotation {
 public:
  // REQUIRES: 1 <= dimensions <= kScanMaximumDimensions
  explicit Rotation(size_t dimensions);

  size_t dimensions() const { return dimensions_; }
  size_t padded() const { return padded_; }
  // x: [D]; y: [padded()], not x.
  void Apply(const ScanKernels& kernels, const float* x, float* y) const;

 private:
  const size_t dimensions_;
  const size_t padded_;
  std::vector<uint32_t> flips_;
  ScanRotation plan_;
};

}  // namespace minnow
