// SPDX-License-Identifier: Apache-2.0
// Weights of 3x3 convolutions in Winograd's form F(2x2, 3x3): 16 packed weights, one for each
// position of a tile, end to end.
#pragma once

#include <cstddef>

#include "nn/dtype.h"

namespace minnow {

// dtype: kF32 or kBF16. 16 / 9 of what the direct form takes.
size_t WinogradWeightBytes(Dtype dtype, size_t in_channels, size_t out_channels);
// Of one position.
size_t WinogradPositionBytes(Dtype dtype, size_t in_channels, size_t out_channels);

// weight: of a Convolution's Linear, packed in `dtype`; both forms of a convolution are made of the
// same rounded numbers wherever they come from.
void PackWinograd(const void* weight, size_t in_channels, size_t out_channels, Dtype dtype,
                  std::byte* out);

}  // namespace minnow
