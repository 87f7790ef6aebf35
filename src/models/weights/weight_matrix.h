// SPDX-License-Identifier: Apache-2.0
// A checkpoint's weight of a product or a convolution, as the matrix that is packed.
#pragma once

#include <cstddef>
#include <string>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "formats/tensor_source.h"

namespace minnow {

// The view is of the checkpoint, or of `reordered`.
struct WeightMatrix {
  TensorView view;
  AlignedBuffer<float> reordered;
};

// kernel 1: [O, I], in the checkpoint maybe [O, I, 1, 1]. Else [O, I, kernel, kernel], given as
// [O][ky][kx][RoundUpChannels(I)] in fp32. Fails with kNotFound, kCorrupt or kUnsupported, naming
// the tensor. May throw std::bad_alloc.
Result<WeightMatrix> ReadWeightMatrix(const TensorSource& source, const std::string& name,
                                      size_t out_features, size_t in_features, size_t kernel);

}  // namespace minnow
