// SPDX-License-Identifier: Apache-2.0
// Linear: y = activation(x W^T + b) + residual. Where precision lives: the layers above do not know
// it.
//
// Letters: T rows, K in_features, N out_features. A Linear borrows its packed weight and bias.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"
#include "nn/dtype.h"

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

// A weight in kernel layout, and its bias.
struct LinearWeights {
  Dtype dtype = Dtype::kF32;
  size_t in_features = 0;
  size_t out_features = 0;
  const void* weight =
      nullptr;  // fp32 [N/16][K][16]; bf16 [N/16][K/2][16][2]; int8 [N/16][K/4][16][4]
  const float* bias = nullptr;   // [PaddedColumns(N)]
  const float* scale = nullptr;  // [PaddedColumns(N)]; int8 only
  const float* sum =
      nullptr;              // [PaddedColumns(N)]: scale[n] * sum over k of the integers; int8 only
  bool int16_safe = false;  // int8: the integers keep to kInt8GroupSum
  const float* input_multiplier = nullptr;  // [PaddedColumns(K)]: of x before it is rounded; int8
};

class Linear;

// Sees the inputs of products before they are made: what calibration learns from.
class LinearObserver {
 public:
  virtual ~LinearObserver() = default;
  // x: [T, K] f32
  virtual void Observe(const Linear& linear, ConstRows x, size_t rows) = 0;
};

// Rows in a lower precision, on their way into a product; sized once for the largest.
class LinearScratch {
 public:
  LinearObserver* observer = nullptr;

  LinearScratch() = default;
  LinearScratch(const Kernels& kernels, Dtype dtype, size_t max_rows, size_t max_in_features);

  size_t bytes() const { return rows_.size_bytes() + scale_.size_bytes() + offset_.size_bytes(); }

 private:
  friend class Linear;
  AlignedBuffer<std::byte> rows_;
  AlignedBuffer<float> scale_;
  AlignedBuffer<float> offset_;
};

class Linear {
 public:
  Linear() = default;
  explicit Linear(const LinearWeights& weights) : w_(weights) {}

  const LinearWeights& weights() const { return w_; }

  // x: [T, K] f32; residual: [T, N] f32 or null data; y: [T, PaddedColumns(N)] f32, apart from x
  // and residual. REQUIRES: T and K fit `scratch`.
  void Forward(const Kernels& kernels, ConstRows x, size_t rows, MatmulActivation activation,
               ConstRows residual, Rows y, LinearScratch& scratch) const;

  // Forward in two steps, so that threads share the columns of a product; the bits are the same.
  //
  // x in this weight's precision, to `scratch`; nothing for fp32. A Linear of the same in_features,
  // dtype, int16_safe and input_multiplier may take these rows as well.
  void PrepareRows(const Kernels& kernels, ConstRows x, size_t rows, LinearScratch& scratch) const;
  // Columns [first, first + columns) of Forward's y, from rows that PrepareRows left in `scratch`;
  // y.data and residual.data are at column `first`. Any number of threads at once.
  // REQUIRES: first and columns are multiples of kPanelColumns, first + columns <=
  // PaddedColumns(N).
  void ForwardColumns(const Kernels& kernels, ConstRows x, size_t rows, size_t first,
                      size_t columns, MatmulActivation activation, ConstRows residual, Rows y,
                      const LinearScratch& scratch) const;

 private:
  LinearWeights w_;
};

}  // namespace minnow
