// SPDX-License-Identifier: Apache-2.0
// Weights that are not finite, of which nothing useful comes: kCorrupt, with the tensor's name.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "formats/tensor_source.h"
#include "nn/embedding_table.h"

namespace minnow {

// For messages: "FILE: tensor "NAME"".
std::string NameOf(const TensorView& tensor);

// For values of the tensor, which may be unaligned. REQUIRES: type is kF32, kF16 or kBF16
Status CheckFinite(const TensorView& tensor, const void* values, size_t count, TableType type);
// For a matrix whose data are used in place, if they are. Its pages are released.
Status CheckInPlace(const TensorView& tensor);

}  // namespace minnow
