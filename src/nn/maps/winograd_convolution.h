// SPDX-License-Identifier: Apache-2.0
// A block of a convolution in Winograd's form.
#pragma once

#include <atomic>

#include "nn/maps/convolution_block.h"

namespace minnow {

// Scratch memory of one thread for the largest block.
size_t WinogradScratchBytes(const Kernels& kernels, const Linear& product,
                            const ConvolutionGeometry& geometry);

// From the bordered input of a block, for int8 in fp32, columns [first, first + columns) of its
// output; `finish` is what OutputOf gives for them. False: the turn was over before the end; where
// it goes on, `input` and `scratch` are as they were left.
bool RunWinograd(const Kernels& kernels, const Convolution& convolution,
                 const ConvolutionGeometry& geometry, const ConvolutionBlock& block,
                 const std::byte* input, const MapProduct& finish, size_t first, size_t columns,
                 std::byte* scratch, const std::atomic<bool>* stop, TaskTurn& turn);

}  // namespace minnow
