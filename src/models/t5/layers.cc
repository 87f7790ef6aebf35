// SPDX-License-Identifier: Apache-2.0
#include "models/t5/layers.h"

#include "nn/activation.h"

namespace minnow {

void T5Norm(const Kernels& kernels, const T5Config& config, const float* weight, ConstRows x,
            size_t rows, Rows y) {
  const RmsNormF32 args = {.x = x.data,
                           .x_stride = x.stride,
                           .weight = weight,
                           .epsilon = config.layer_norm_epsilon,
                           .y = y.data,
                           .y_stride = y.stride,
                           .rows = rows,
                           .channels = static_cast<size_t>(config.d_model)};
  kernels.rms_norm_f32(&args);
}

MatmulActivation T5TileActivation(const T5Config& config) {
  return config.gated ? kMatmulNone : KernelActivation(config.activation);
}

void T5Gate(const Kernels& kernels, const T5Config& config, Rows x, size_t rows, size_t first,
            size_t count) {
  const MatmulActivation activation = KernelActivation(config.activation);
  for (size_t row = 0; row < rows; ++row) {
    float* gate = x.data + row * x.stride + first;
    const float* factor = gate + config.d_ff;
    kernels.activate_f32(gate, count, activation);
    for (size_t f = 0; f < count; ++f) gate[f] *= factor[f];
  }
}

}  // namespace minnow
