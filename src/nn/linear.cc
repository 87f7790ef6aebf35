// SPDX-License-Identifier: Apache-2.0
// Linear in fp32.
#include "nn/linear.h"

namespace minnow {

void Linear::Forward(const Kernels& kernels, ConstRows x, size_t rows, MatmulActivation activation,
                     ConstRows residual, Rows y) const {
  const MatmulF32 args = {.x = x.data,
                          .x_stride = x.stride,
                          .w = weight_,
                          .bias = bias_,
                          .residual = residual.data,
                          .residual_stride = residual.stride,
                          .y = y.data,
                          .y_stride = y.stride,
                          .rows = rows,
                          .inner = in_features_,
                          .columns = PaddedColumns(out_features_),
                          .activation = activation};
  kernels.matmul_f32(&args);
}

}  // namespace minnow
