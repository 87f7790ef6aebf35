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
#include "models/weights/finite.h"
#include "nn/weight_packing.h"

namespace minnow {

namespace {

bool IsQuantisedInteger(const TensorView& tensor) {
  return !tensor.scales.empty() &&
         (tensor.type == TensorType::kI8 || tensor.type == TensorType::kU8 ||
          tensor.type == TensorType::kI32);
}

// Element n, k of the data, which may be unaligned, lies at n * row_step + k * column_step.
struct Order {
  size_t rows = 0;
  size_t columns = 0;
  size_t row_step = 0;
  size_t column_step = 0;
};

// out: [rows, columns]. As many rows at a time as a cache line of transposed floats has, so that
// each line is read once.
template <class Stored, class Convert>
void CopyOrdered(const std::byte* data, const Order& order, Convert convert, float* out) {
  constexpr size_t kRows = 16;
  for (size_t begin = 0; begin < order.rows; begin += kRows) {
    const size_t end = std::min(order.rows, begin + kRows);
    for (size_t k = 0; k < order.columns; ++k) {
      for (size_t n = begin; n < end; ++n) {
        Stored value;
        std::memcpy(&value, data + (n * order.row_step + k * order.column_step) * sizeof value,
                    sizeof value);
        out[n * order.columns + k] = convert(value);
      }
    }
  }
}

void ApplyScales(const TensorView& tensor, const Order& order, float* out) {
  const auto& scales = tensor.scales;
  const auto& zeros = tensor.zero_points;
  for (size_t n = 0; n < order.rows; ++n) {
    const float scale = scales[scales.size() == 1 ? 0 : n];
    const float zero = zeros.empty() ? 0.0f : static_cast<float>(zeros[zeros.size() == 1 ? 0 : n]);
    float* row = out + n * order.columns;
    for (size_t k = 0; k < order.columns; ++k) row[k] = scale * (row[k] - zero);
  }
}

// The values of a tensor that is not plain. out: [N, K], or [N] of a vector
void CopyReordered(const TensorView& tensor, float* out) {
  const size_t rows = tensor.shape[0];
  const size_t columns = tensor.shape.size() < 2 ? 1 : tensor.shape[1];
  const size_t stride = tensor.stride != 0 ? tensor.stride : rows;
  const Order order = {rows, columns, tensor.transposed ? 1 : columns,
                       tensor.transposed ? stride : 1};
  const std::byte* data = tensor.data.data();
  const auto number = [](auto value) { return static_cast<float>(value); };
  switch (tensor.type) {
    case TensorType::kF16:
      CopyOrdered<uint16_t>(data, order, FloatFromF16, out);
      break;
    case TensorType::kBF16:
      CopyOrdered<uint16_t>(data, order, FloatFromBF16, out);
      break;
    case TensorType::kI8:
      CopyOrdered<int8_t>(data, order, number, out);
      break;
    case TensorType::kU8:
      CopyOrdered<uint8_t>(data, order, number, out);
      break;
    case TensorType::kI32:
      CopyOrdered<int32_t>(data, order, number, out);
      break;
    default:
      CopyOrdered<float>(data, order, number, out);
      break;
  }
  if (!tensor.scales.empty()) ApplyScales(tensor, order, out);
  for (const LowRankChange& change : tensor.changes)
    AddLowRank({change.up.data() + tensor.first_row * change.rank, change.down.data(), change.rank,
                change.scale},
               rows, columns, out);
}

}  // namespace

Result<TableType> FloatTableType(const TensorView& tensor) {
  const bool quantised = IsQuantisedInteger(tensor);
  switch (tensor.type) {
    case TensorType::kF32:
      return TableType::kF32;
    case TensorType::kF16:
      return tensor.plain() ? TableType::kF16 : TableType::kF32;
    case TensorType::kBF16:
      return tensor.plain() ? TableType::kBF16 : TableType::kF32;
    default:
      if (quantised) return TableType::kF32;
      return Error{Code::kUnsupported, NameOf(tensor) + " has type " + TensorTypeName(tensor.type) +
                                           "; supported: F32, F16, BF16"};
  }
}

Status CopyFloats(const TensorView& tensor, float* out) {
  MINNOW_ASSIGN_OR_RETURN(const TableType type, FloatTableType(tensor));
  const size_t elements = tensor.elements();
  if (elements == 0) return Status();
  if (!tensor.plain()) {
    CopyReordered(tensor, out);
  } else {
    std::fill_n(out, elements, 0.0f);
    EmbeddingTable(tensor.data.data(), type, 1, elements).Add(ActiveKernels(), 0, out);
  }
  return CheckFinite(tensor, out, elements, TableType::kF32);
}

namespace {

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
                    reinterpret_cast<uint8_t*>(scales));
      return;
    case TableType::kInt4F16Scales:  // read only
      return;
  }
}

// Some rows will not be needed soon. Of transposed data others lie between them.
void ReleaseRows(const TensorView& rows) {
  if (!rows.transposed) rows.Release();
}

}  // namespace

Status ColumnMagnitudes(std::span<const TensorView* const> parts, float* most) {
  const size_t columns = parts[0]->shape[1];
  std::fill_n(most, columns, 0.0f);
  constexpr int64_t kRows = 64;
  std::vector<float> rows(kRows * columns);
  for (const TensorView* part : parts) {
    for (int64_t n = 0; n < part->shape[0]; n += kRows) {
      const int64_t count = std::min(kRows, part->shape[0] - n);
      const TensorView slice = part->Rows(n, count);
      MINNOW_RETURN_IF_ERROR(CopyFloats(slice, rows.data()));
      ReleaseRows(slice);
      for (size_t i = 0; i < static_cast<size_t>(count) * columns; ++i)
        most[i % columns] = std::max(most[i % columns], std::fabs(rows[i]));
    }
  }
  return Status();
}

Result<ConvertedTable> ConvertTable(const TensorView& tensor, TableType type) {
  CHECK(tensor.shape.size() == 2 && type != TableType::kF16 && type != TableType::kInt4F16Scales);
  const size_t rows = tensor.shape[0], columns = tensor.shape[1];
  if (type == TableType::kInt4 && columns > kMaxInt4Columns) {
    return Error{Code::kUnsupported, NameOf(tensor) + ": " + std::to_string(columns) +
                                         " columns, limit of int4 is " +
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
    MINNOW_RETURN_IF_ERROR(CopyFloats(tensor.Rows(begin, count), floats.data()));
    ConvertRows(floats.data(), count, columns, type, table.data.data() + begin * row_bytes,
                table.scales.data() + begin * scale_bytes);
  }
  tensor.Release();
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

// Rows of stacked matrices, some whole panels at a time: neither the floats of a large matrix nor
// its file's pages are ever there all at once.
class StackedRows {
 public:
  StackedRows(std::span<const TensorView* const> parts, size_t inner)
      : parts_(parts), inner_(inner) {}

  bool empty() const { return parts_.empty(); }
  // [rows, inner], valid until the next call. REQUIRES: not empty. May throw std::bad_alloc.
  Result<std::span<const float>> Next() {
    const size_t wanted =
        std::max<size_t>(kSliceFloats / inner_ / kPanelColumns, 1) * kPanelColumns;
    ReleaseRows(last_);
    const size_t whole = std::min(wanted, left());
    const bool panels = whole % kPanelColumns == 0 || parts_.size() == 1;
    if (panels && parts_[0]->type == TensorType::kF32 && parts_[0]->plain()) {
      Take(whole);
      const std::span rows(reinterpret_cast<const float*>(last_.data.data()), whole * inner_);
      MINNOW_RETURN_IF_ERROR(CheckFinite(last_, rows.data(), rows.size(), TableType::kF32));
      return rows;
    }
    floats_.clear();
    for (size_t rows = 0; rows < wanted && !parts_.empty();) {
      const size_t count = std::min(wanted - rows, left());
      Take(count);
      floats_.resize((rows + count) * inner_);
      MINNOW_RETURN_IF_ERROR(CopyFloats(last_, floats_.data() + rows * inner_));
      rows += count;
    }
    return std::span<const float>(floats_);
  }

 private:
  static constexpr size_t kSliceFloats = size_t{1} << 20;

  // Of the first part.
  size_t left() const { return static_cast<size_t>(parts_[0]->shape[0]) - done_; }
  void Take(size_t rows) {
    last_ = parts_[0]->Rows(static_cast<int64_t>(done_), static_cast<int64_t>(rows));
    done_ += rows;
    if (left() > 0) return;
    parts_ = parts_.subspan(1);
    done_ = 0;
  }

  std::span<const TensorView* const> parts_;  // that are not done
  const size_t inner_;
  size_t done_ = 0;  // rows of the first of them
  TensorView last_;
  std::vector<float> floats_;
};

}  // namespace

Status PackRows(std::span<const TensorView* const> parts, const PackedTarget& target) {
  const size_t inner = parts[0]->shape[1];
  for (const TensorView* part : parts) {
    const auto type = FloatTableType(*part);
    if (!type.ok()) return type.error();
  }
  StackedRows rows(parts, inner);
  for (size_t done = 0; !rows.empty();) {
    MINNOW_ASSIGN_OR_RETURN(const std::span<const float> slice, rows.Next());
    Pack(slice.data(), slice.size() / inner, inner, After(target, done, inner));
    done += slice.size() / inner;
  }
  for (const TensorView* part : parts) part->Release();
  return Status();
}

}  // namespace minnow
