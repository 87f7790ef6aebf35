// SPDX-License-Identifier: Apache-2.0
// Conversion and packing of a checkpoint's tensors.
#include "models/tensor_floats.h"

#include <cstring>
#include <vector>

#include "kernels/dispatch.h"

namespace minnow {

Result<TableType> FloatTableType(const TensorView& tensor) {
  switch (tensor.type) {
    case TensorType::kF32:
      return TableType::kF32;
    case TensorType::kF16:
      return TableType::kF16;
    case TensorType::kBF16:
      return TableType::kBF16;
    default:
      return Error{Code::kUnsupported,
                   tensor.file->path() + ": tensor \"" + std::string(tensor.name) + "\" has type " +
                       TensorTypeName(tensor.type) + "; supported: F32, F16, BF16"};
  }
}

Status CopyFloats(const TensorView& tensor, float* out) {
  MINNOW_ASSIGN_OR_RETURN(const TableType type, FloatTableType(tensor));
  const size_t elements = tensor.elements();
  if (elements == 0) return Status();
  EmbeddingTable(tensor.data.data(), type, 1, elements).Copy(0, out);
  return Status();
}

Status PackRows(std::span<const TensorView* const> parts, float* out) {
  const size_t inner = parts[0]->shape[1];
  size_t columns = 0;
  bool panels_meet =
      true;  // each part fills whole panels and is fp32: it can be packed where it lies
  for (const TensorView* part : parts) {
    const size_t rows = part->shape[0];
    columns += rows;
    panels_meet = panels_meet && part->type == TensorType::kF32 &&
                  (parts.size() == 1 || rows % kPanelColumns == 0);
  }
  const Kernels& kernels = ActiveKernels();
  if (panels_meet) {
    for (const TensorView* part : parts) {
      const size_t rows = part->shape[0];
      kernels.pack_f32(reinterpret_cast<const float*>(part->data.data()), rows, inner, out);
      out += rows * inner;
    }
  } else {
    std::vector<float> stacked(columns * inner);
    float* to = stacked.data();
    for (const TensorView* part : parts) {
      MINNOW_RETURN_IF_ERROR(CopyFloats(*part, to));
      to += part->elements();
    }
    kernels.pack_f32(stacked.data(), columns, inner, out);
  }
  for (const TensorView* part : parts) part->file->Release(part->data);
  return Status();
}

}  // namespace minnow
