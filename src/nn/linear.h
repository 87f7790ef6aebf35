// SPDX-License-Identifier: Apache-2.0
// Linear: y = activation(x W^T + b) + residual. Where precision lives: the layers above do not know
// it.
//
// Letters: T rows, K in_features, N out_features. A Linear borrows its packed weight and bias.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"

namespace minnow {

// Rows of activations are this many floats apart at least: n rounded up to whole panels.
constexpr size_t PaddedColumns(size_t n) {
  return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

// A matrix of activations: rows of `stride` floats.
struct ConstRows {
  const float* data = nullptr;
  size_t stride = 0;
};
struct Rows {
  float* data = nullptr;
  size_t stride = 0;
};

class Linear {
 public:
  Linear() = default;
  // weight: packed [N/16][K][16]; bias: [PaddedColumns(N)].
  Linear(const float* weight, const float* bias, size_t in_features, size_t out_features)
      : weight_(weight), bias_(bias), in_features_(in_features), out_features_(out_features) {}

  size_t in_features() const { return in_features_; }
  size_t out_features() const { return out_features_; }

  // Floats of packed storage for a weight of that shape; the bias takes PaddedColumns(out_features)
  // more.
  static size_t PackedFloats(size_t in_features, size_t out_features) {
    return PaddedColumns(out_features) * in_features;
  }

  // x: [T, K] f32; residual: [T, N] f32 or null data; y: [T, PaddedColumns(N)] f32, apart from x
  // and residual.
  void Forward(const Kernels& kernels, ConstRows x, size_t rows, MatmulActivation activation,
               ConstRows residual, Rows y) const;

 private:
  const float* weight_ = nullptr;
  const float* bias_ = nullptr;
  size_t in_features_ = 0;
  size_t out_features_ = 0;
};

}  // namespace minnow
