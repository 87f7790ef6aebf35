// SPDX-License-Identifier: Apache-2.0
#include "nn/attention.h"

namespace minnow {

AttentionKernel ChooseAttention(const Kernels& kernels, Dtype dtype, size_t max_length) {
  if (dtype == Dtype::kInt8 && kernels.attention_int8 != nullptr && max_length <= kMaxInt8Keys)
    return {kernels.attention_int8, kernels.attention_int8_scratch_floats};
  if (dtype != Dtype::kF32)
    return {kernels.attention_packed, kernels.attention_packed_scratch_floats};
  return {kernels.attention_f32, kernels.attention_scratch_floats};
}

}  // namespace minnow
