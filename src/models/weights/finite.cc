// SPDX-License-Identifier: Apache-2.0
#include "models/weights/finite.h"

#include <algorithm>
#include <cstdint>

#include "models/weights/tensor_floats.h"
#include "nn/weight_packing.h"

namespace minnow {

std::string NameOf(const TensorView& tensor) {
  return (tensor.file == nullptr ? "" : tensor.file->path() + ": ") + "tensor \"" +
         std::string(tensor.name) + "\"";
}

Status CheckFinite(const TensorView& tensor, const void* values, size_t count, TableType type) {
  if (AllFinite(values, count, type)) return {};
  return Error{Code::kCorrupt, NameOf(tensor) + ": values that are not finite"};
}

Status CheckInPlace(const TensorView& tensor) {
  MINNOW_ASSIGN_OR_RETURN(const TableType type, FloatTableType(tensor));
  if (!tensor.plain()) return {};
  // Some at a time, so that a large table is never resident.
  constexpr int64_t kRows = 1024;
  for (int64_t begin = 0; begin < tensor.shape[0]; begin += kRows) {
    const TensorView rows = tensor.Rows(begin, std::min(kRows, tensor.shape[0] - begin));
    MINNOW_RETURN_IF_ERROR(CheckFinite(tensor, rows.data.data(), rows.elements(), type));
    rows.Release();
  }
  return {};
}

}  // namespace minnow
