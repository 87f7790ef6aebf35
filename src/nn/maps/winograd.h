// SPDX-License-Identifier: Apache-2.0
// Weights of 3x3 convolutions in Winograd's form F(2x2, 3x3): 16 packed weights, one for each
// position of a tile, end to end.
#pragma once

#include <cstddef>

#include "nn/dtype.h"
#include "nn/linear.h"

namespace minnow {

// 16 / 9 of what the direct form takes.
size_t WinogradWeightBytes(Dtype dtype, size_t in_channels, size_t out_channels);
// Of one position: a packed weight, and for int8 scales and sums of columns, as LinearWeights has
// them.
size_t WinogradPositionBytes(Dtype dtype, size_t in_channels, size_t out_channels);

// direct: a Convolution's; both forms of a convolution are made of the same rounded numbers
// wherever they come from. int8 is rounded anew, each position by itself.
void PackWinograd(const LinearWeights& direct, size_t in_channels, size_t out_channels,
                  std::byte* out);

}  // namespace minnow
