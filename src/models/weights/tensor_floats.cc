// SPDX-License-Identifier: Apache-2.0
// Conversion and packing of a checkpoint's tensors.
#include "models/weights/tensor_floats.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "kernels/dispatch.h"
#include "nn/weight_packing.h"

namespace minnow {

Result<TableType> FloatTableType(const TensorView& tensor) {
  if (tensor.transposed || !tensor.scales.empty()) {
    return Error{Code::kUnsupported,
                 tensor.file->path() + ": tensor \"" + std::string(tensor.name) + "\" is stored " +
                     (tensor.transposed ? "transposed" : "quantised") + "; supported: plain rows"};
  }
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
  std::fill_n(out, elements, 0.0f);
  EmbeddingTable(tensor.data.data(), type, 1, elements).Add(ActiveKernels(), 0, out);
  return Status();
}

namespace {

// Rows [begin, begin + count) of a matrix.
TensorView RowsOf(const TensorView& matrix, size_t begin, size_t count) {
  TensorView rows = matrix;
  const size_t row_bytes = matrix.shape[1] * TensorTypeBytes(matrix.type);
  rows.shape[0] = static_cast<int64_t>(count);
  rows.data = matrix.data.subspan(begin * row_bytes, count * row_bytes);
  return rows;
}

void ConvertRows(const float* rows, size_t count, size_t columns, TableType type, std::byte* data,
                 std::byte* scales) {
  switch (type) {
    case TableType::kF32:
    case TableType::kF16:
      std::memcpy(data, rows, count * columns * sizeof(float));
      return;
    case TableType::kBF16: {
      auto* out = reinterpret_cast<uint16_t*>(data);
      for (size_t i = 0; i < count * columns; ++i) out[i] = RoundToBf16(rows[i]);
      return;
    }
    case TableType::kInt8:
      PackTableInt8(rows, count, columns, reinterpret_cast<int8_t*>(data),
                    reinterpret_cast<float*>(scales));
      return;
    case TableType::kInt4:
      PackTableInt4(rows, count, columns, reinterpret_cast<uint8_t*>(data),
                    reinterpret_cast<uint16_t*>(scales));
      return;
  }
}

}  // namespace

Status ColumnMagnitudes(std::span<const TensorView* const> parts, float* most) {
  const size_t columns = parts[0]->shape[1];
  std::fill_n(most, columns, 0.0f);
  std::vector<float> row(columns);
  for (const TensorView* part : parts) {
    for (int64_t n = 0; n < part->shape[0]; ++n) {
      MINNOW_RETURN_IF_ERROR(CopyFloats(RowsOf(*part, n, 1), row.data()));
      for (size_t k = 0; k < columns; ++k) {
        const float magnitude = std::fabs(row[k]);
        if (std::isfinite(magnitude)) most[k] = std::max(most[k], magnitude);
      }
    }
  }
  return Status();
}

Result<ConvertedTable> ConvertTable(const TensorView& tensor, TableType type) {
  CHECK(tensor.shape.size() == 2 && type != TableType::kF16);
  const size_t rows = tensor.shape[0], columns = tensor.shape[1];
  if (type == TableType::kInt4 && columns > kMaxInt4Columns) {
    return Error{Code::kUnsupported,
                 tensor.file->path() + ": tensor \"" + std::string(tensor.name) +
                     "\": " + std::to_string(columns) + " columns, limit of int4 is " +
                     std::to_string(kMaxInt4Columns)};
  }
  const size_t row_bytes = EmbeddingTable::RowBytes(type, columns);
  const size_t scale_bytes = EmbeddingTable::ScaleBytes(type, columns);
  ConvertedTable table = {.type = type,
                          .rows = rows,
                          .columns = columns,
                          .data = AlignedBuffer<std::byte>(rows * row_bytes),
                          .scales = AlignedBuffer<std::byte>(rows * scale_bytes)};
  // A few rows at a time, so that memory for a table in fp32 is never needed.
  constexpr size_t kRows = 256;
  std::vector<float> floats(std::min(rows, kRows) * columns);
  for (size_t begin = 0; begin < rows; begin += kRows) {
    const size_t count = std::min(kRows, rows - begin);
    MINNOW_RETURN_IF_ERROR(CopyFloats(RowsOf(tensor, begin, count), floats.data()));
    ConvertRows(floats.data(), count, columns, type, table.data.data() + begin * row_bytes,
                table.scales.data() + begin * scale_bytes);
  }
  tensor.file->Release(tensor.data);
  return table;
}

namespace {

// Where the rows of `part` go when `rows_before` rows of the same target lie before them, all in
// whole panels.
PackedTarget After(PackedTarget target, size_t rows_before, size_t inner) {
  target.weight =
      static_cast<std::byte*>(target.weight) + PackedWeightBytes(target.dtype, inner, rows_before);
  if (target.scale != nullptr) target.scale += rows_before;
  if (target.sum != nullptr) target.sum += rows_before;
  if (target.bias != nullptr) target.bias += rows_before;
  return target;
}

// The search for scales takes most of the time that loading int8 takes. Channels do not depend on
// each other, so threads share them, whole panels each. May throw std::bad_alloc.
void PackInt8OnThreads(const float* rows, size_t columns, size_t inner,
                       const PackedTarget& target) {
  constexpr size_t kWeightsPerThread = size_t{1} << 15;
  const size_t panels = (columns + kPanelColumns - 1) / kPanelColumns;
  const size_t most = std::min(panels, columns * inner / kWeightsPerThread + 1);
  ThreadPool pool(static_cast<int>(std::min<size_t>(most, Cpu().usable_cores())));
  std::atomic<bool> no_memory = false;
  pool.Run([&](int member) {
    const size_t members = pool.size();
    const size_t begin = panels * member / members * kPanelColumns;
    const size_t end = std::min(columns, panels * (member + 1) / members * kPanelColumns);
    if (begin >= end) return;
    const PackedTarget own = After(target, begin, inner);
    try {
      PackInt8(rows + begin * inner, end - begin, inner, target.inputs,
               {static_cast<int8_t*>(own.weight), own.scale, own.sum, own.bias});
    } catch (const std::bad_alloc&) {
      no_memory = true;
    }
  });
  if (no_memory) throw std::bad_alloc();
}

void Pack(const float* rows, size_t columns, size_t inner, const PackedTarget& target) {
  switch (target.dtype) {
    case Dtype::kF32:
      ActiveKernels().pack_f32(rows, columns, inner, static_cast<float*>(target.weight));
      return;
    case Dtype::kBF16:
      PackBf16(rows, columns, inner, static_cast<uint16_t*>(target.weight));
      return;
    case Dtype::kInt8:
      PackInt8OnThreads(rows, columns, inner, target);
      return;
  }
}

}  // namespace

Status PackRows(std::span<const TensorView* const> parts, const PackedTarget& target) {
  const size_t inner = parts[0]->shape[1];
  size_t columns = 0;
  bool panels_meet =
      true;  // each part fills whole panels and is fp32: it can be packed where it lies
  for (const TensorView* part : parts) {
    MINNOW_RETURN_IF_ERROR(FloatTableType(*part));
    const size_t rows = part->shape[0];
    columns += rows;
    panels_meet = panels_meet && part->type == TensorType::kF32 &&
                  (parts.size() == 1 || rows % kPanelColumns == 0);
  }
  if (panels_meet) {
    size_t done = 0;
    for (const TensorView* part : parts) {
      const size_t rows = part->shape[0];
      Pack(reinterpret_cast<const float*>(part->data.data()), rows, inner,
           After(target, done, inner));
      done += rows;
    }
  } else {
    std::vector<float> stacked(columns * inner);
    float* to = stacked.data();
    for (const TensorView* part : parts) {
      MINNOW_RETURN_IF_ERROR(CopyFloats(*part, to));
      to += part->elements();
    }
    Pack(stacked.data(), columns, inner, target);
  }
  for (const TensorView* part : parts) part->file->Release(part->data);
  return Status();
}

}  // namespace minnow
