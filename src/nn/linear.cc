// SPDX-License-Identifier: Apache-2.0
// Linear in each precision.
#include "nn/linear.h"

#include <algorithm>

#include "base/check.h"

namespace minnow {
namespace {

const PackedKernels& PackedFor(const Kernels& kernels, const LinearWeights& weights) {
  if (weights.dtype == Dtype::kBF16) return *kernels.bf16;
  return weights.int16_safe && kernels.int8_light != nullptr ? *kernels.int8_light : *kernels.int8;
}

// Of whichever kernels a Linear of that precision takes.
size_t MostRowBytes(const Kernels& kernels, Dtype dtype, size_t in_features) {
  if (dtype == Dtype::kBF16) return kernels.bf16->row_bytes(in_features);
  const size_t bytes = kernels.int8->row_bytes(in_features);
  return kernels.int8_light == nullptr
             ? bytes
             : std::max(bytes, kernels.int8_light->row_bytes(in_features));
}

}  // namespace

LinearScratch::LinearScratch(const Kernels& kernels, Dtype dtype, size_t max_rows,
                             size_t max_in_features) {
  if (dtype == Dtype::kF32) return;
  rows_ = AlignedBuffer<std::byte>(max_rows * MostRowBytes(kernels, dtype, max_in_features));
  if (dtype != Dtype::kInt8) return;
  scale_ = AlignedBuffer<float>(max_rows);
  offset_ = AlignedBuffer<float>(max_rows);
}

void Linear::Forward(const Kernels& kernels, ConstRows x, size_t rows, MatmulActivation activation,
                     ConstRows residual, Rows y, LinearScratch& scratch) const {
  if (scratch.observer != nullptr) scratch.observer->Observe(*this, x, rows);
  if (w_.dtype == Dtype::kF32) {
    const MatmulF32 args = {.x = x.data,
                            .x_stride = x.stride,
                            .w = static_cast<const float*>(w_.weight),
                            .bias = w_.bias,
                            .residual = residual.data,
                            .residual_stride = residual.stride,
                            .y = y.data,
                            .y_stride = y.stride,
                            .rows = rows,
                            .inner = w_.in_features,
                            .columns = PaddedColumns(w_.out_features),
                            .activation = activation};
    kernels.matmul_f32(&args);
    return;
  }
  const PackedKernels& packed = PackedFor(kernels, w_);
  const size_t stride = packed.row_bytes(w_.in_features);
  CHECK(rows * stride <= scratch.rows_.size());
  packed.quantize_rows(x.data, x.stride, rows, w_.in_features, w_.input_multiplier,
                       scratch.rows_.data(), stride, scratch.scale_.data(), scratch.offset_.data());
  const PackedMatmul args = {.x = scratch.rows_.data(),
                             .x_stride_bytes = stride,
                             .x_scale = scratch.scale_.data(),
                             .x_offset = scratch.offset_.data(),
                             .w = w_.weight,
                             .w_scale = w_.scale,
                             .w_sum = w_.sum,
                             .bias = w_.bias,
                             .residual = residual.data,
                             .residual_stride = residual.stride,
                             .y = y.data,
                             .y_stride = y.stride,
                             .rows = rows,
                             .inner = w_.in_features,
                             .columns = PaddedColumns(w_.out_features),
                             .activation = activation};
  packed.matmul(&args);
}

}  // namespace minnow
