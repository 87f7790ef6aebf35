// SPDX-License-Identifier: Apache-2.0
// What T5's encoder and decoder share of a layer.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "models/t5/config.h"
#include "nn/linear.h"

namespace minnow {

// y = x * rsqrt(mean of x^2 + epsilon) * weight. y may be x.
void T5Norm(const Kernels& kernels, const T5Config& config, const float* weight, ConstRows x,
            size_t rows, Rows y);

// What the first product of a feed-forward is followed by within its tile: nothing where it is
// gated.
MatmulActivation T5TileActivation(const T5Config& config);

// Of rows of a gated feed-forward, in place: x[f] = act(x[f]) * x[F + f], for `count` f from
// `first` on. x: [rows, 2F]
void T5Gate(const Kernels& kernels, const T5Config& config, Rows x, size_t rows, size_t first,
            size_t count);

}  // namespace minnow
