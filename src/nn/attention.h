// SPDX-License-Identifier: Apache-2.0
// Which attention kernel a model takes: where its precision lives, as that of products does in
// Linear.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "nn/dtype.h"

namespace minnow {

struct AttentionKernel {
  void (*run)(const AttentionF32* args);
  // Floats of AttentionF32::scratch for texts of `length` tokens.
  size_t (*scratch_floats)(size_t length, size_t head_dim);
};

// For models of that precision, and texts of at most `max_length` tokens.
AttentionKernel ChooseAttention(const Kernels& kernels, Dtype dtype, size_t max_length);

}  // namespace minnow
