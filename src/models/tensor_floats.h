// SPDX-License-Identifier: Apache-2.0
// A checkpoint's tensors as floats: F32, F16 and BF16 are read, everything else is kUnsupported.
#pragma once

#include <span>

#include "base/result.h"
#include "formats/checkpoint.h"
#include "nn/embedding_table.h"

namespace minnow {

Result<TableType> FloatTableType(const TensorView& tensor);

// out: [tensor.elements()] f32
Status CopyFloats(const TensorView& tensor, float* out);

// parts: matrices [N_i, K] of one K, stacked to [sum N_i, K] and packed for the kernels to
// out: [PaddedColumns(sum N_i) / 16][K][16]. The parts' pages are released afterwards.
Status PackRows(std::span<const TensorView* const> parts, float* out);

}  // namespace minnow
