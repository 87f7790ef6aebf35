// SPDX-License-Identifier: Apache-2.0
// A checkpoint's tensors as floats: F32, F16 and BF16 are read, and integers with a scale, each
// also where they lie transposed; everything else is kUnsupported.
#pragma once

#include <span>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "formats/tensor_source.h"
#include "nn/dtype.h"
#include "nn/embedding_table.h"
#include "nn/int8_packing.h"

namespace minnow {

// A table in another precision than its checkpoint's.
struct ConvertedTable {
  TableType type = TableType::kF32;
  size_t rows = 0;
  size_t columns = 0;
  AlignedBuffer<std::byte> data;
  AlignedBuffer<std::byte> scales;

  EmbeddingTable table() const {
    return EmbeddingTable(data.data(), type, rows, columns, scales.data());
  }
};

// As what table the tensor is read: in place where it is plain, else fp32 that is made of it.
Result<TableType> FloatTableType(const TensorView& tensor);

// out: [tensor.elements()] f32
Status CopyFloats(const TensorView& tensor, float* out);

// The largest magnitude of each column of matrices [N_i, K]. most: [K]; what is not finite counts
// as nothing.
Status ColumnMagnitudes(std::span<const TensorView* const> parts, float* most);

// A matrix as an embedding table of `type`, which is not kF16. Its pages are released afterwards.
// May throw std::bad_alloc.
Result<ConvertedTable> ConvertTable(const TensorView& tensor, TableType type);

// parts: matrices [N_i, K] of one K, stacked to [sum N_i, K] and packed for the kernels
// (nn/weight_packing.h, nn/int8_packing.h). For int8 also scale and sum: [PaddedColumns(sum N_i)],
// and the bias, which holds its values already. The parts' pages are released afterwards.
struct PackedTarget {
  Dtype dtype = Dtype::kF32;
  void* weight = nullptr;
  float* scale = nullptr;
  float* sum = nullptr;
  float* bias = nullptr;
  Int8Inputs inputs = {};
};
Status PackRows(std::span<const TensorView* const> parts, const PackedTarget& target);

}  // namespace minnow
