// SPDX-License-Identifier: Apache-2.0
// Pooling: the hidden states of a text's tokens -> one vector.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "models/heads/sentence_transformers.h"
#include "nn/linear.h"

namespace minnow {

// hidden: [tokens, C] f32; out: [C] f32. REQUIRES: tokens >= 1
// After sentence-transformers' Pooling: mean_sqrt_len divides by the square root of the number of
// tokens.
void Pool(const Kernels& kernels, Pooling pooling, ConstRows hidden, size_t tokens, size_t channels,
          float* out);

}  // namespace minnow
