// SPDX-License-Identifier: Apache-2.0
// Linear in each precision.
#include "nn/linear.h"

#include <algorithm>

#include "base/check.h"
#include "nn/weight_packing.h"

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
  PrepareRows(kernels, x, rows, scratch);
  ForwardColumns(kernels, x, rows, 0, PaddedColumns(w_.out_features), activation, residual, y,
                 scratch);
}

void Linear::PrepareRows(const Kernels& kernels, ConstRows x, size_t rows,
                         LinearScratch& scratch) const {
  if (scratch.observer != nullptr) scratch.observer->Observe(*this, x, rows);
  if (w_.dtype == Dtype::kF32) return;
  const PackedKernels& packed = PackedFor(kernels, w_);
  const size_t stride = packed.row_bytes(w_.in_features);
  CHECK(rows * stride <= scratch.rows_.size());
  packed.quantize_rows(x.data, x.stride, rows, w_.in_features, w_.input_multiplier,
                       scratch.rows_.data(), stride, scratch.scale_.data(), scratch.offset_.data());
}

void Linear::ForwardColumns(const Kernels& kernels, ConstRows x, size_t rows, size_t first,
                            size_t columns, MatmulActivation activation, ConstRows residual, Rows y,
                            const LinearScratch& scratch) const {
  CHECK(first % kPanelColumns == 0 && columns % kPanelColumns == 0);
  CHECK(first + columns <= PaddedColumns(w_.out_features));
  // A panel follows the other, so that columns of a weight are a weight.
  const size_t panel_bytes =
      PackedWeightBytes(w_.dtype, w_.in_features, /*out_features=*/kPanelColumns);
  const void* weight =
      static_cast<const std::byte*>(w_.weight) + first / kPanelColumns * panel_bytes;
  if (w_.dtype == Dtype::kF32) {
    const MatmulF32 args = {.x = x.data,
                            .x_stride = x.stride,
                            .w = static_cast<const float*>(weight),
                            .bias = w_.bias + first,
                            .residual = residual.data,
                            .residual_stride = residual.stride,
                            .y = y.data,
                            .y_stride = y.stride,
                            .rows = rows,
                            .inner = w_.in_features,
                            .columns = columns,
                            .activation = activation};
    kernels.matmul_f32(&args);
    return;
  }
  const PackedKernels& packed = PackedFor(kernels, w_);
  const bool int8 = w_.dtype == Dtype::kInt8;
  const PackedMatmul args = {.x = scratch.rows_.data(),
                             .x_stride_bytes = packed.row_bytes(w_.in_features),
                             .x_scale = scratch.scale_.data(),
                             .x_offset = scratch.offset_.data(),
                             .w = weight,
                             .w_scale = int8 ? w_.scale + first : nullptr,
                             .w_sum = int8 ? w_.sum + first : nullptr,
                             .bias = w_.bias + first,
                             .residual = residual.data,
                             .residual_stride = residual.stride,
                             .y = y.data,
                             .y_stride = y.stride,
                             .rows = rows,
                             .inner = w_.in_features,
                             .columns = columns,
                             .activation = activation};
  packed.matmul(&args);
}

}  // namespace minnow
