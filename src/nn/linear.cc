// SPDX-License-Identifier: Apache-2.0
// Linear in each precision.
#include "nn/linear.h"

#include "base/check.h"

namespace minnow {
namespace {

const PackedKernels* PackedFor(const Kernels& kernels, Dtype dtype) {
  return dtype == Dtype::kInt8 ? kernels.int8 : kernels.bf16;
}

}  // namespace

LinearScratch::LinearScratch(const Kernels& kernels, Dtype dtype, size_t max_rows,
                             size_t max_in_features) {
  if (dtype == Dtype::kF32) return;
  rows_ =
      AlignedBuffer<std::byte>(max_rows * PackedFor(kernels, dtype)->row_bytes(max_in_features));
  if (dtype != Dtype::kInt8) return;
  scale_ = AlignedBuffer<float>(max_rows);
  offset_ = AlignedBuffer<float>(max_rows);
}

void Linear::Forward(const Kernels& kernels, ConstRows x, size_t rows, MatmulActivation activation,
                     ConstRows residual, Rows y, LinearScratch& scratch) const {
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
  const PackedKernels& packed = *PackedFor(kernels, w_.dtype);
  const size_t stride = packed.row_bytes(w_.in_features);
  CHECK(rows * stride <= scratch.rows_.size());
  packed.quantize_rows(x.data, x.stride, rows, w_.in_features, scratch.rows_.data(), stride,
                       scratch.scale_.data(), scratch.offset_.data());
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
