// SPDX-License-Identifier: Apache-2.0
// EmbeddingTable: rows of a table that are read straight from the mapped file, whatever their
// precision there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mapped_file.h"
#include "kernels/kernels.h"

namespace minnow {

enum class TableType {
  kF32,
  kF16,
  kBF16,
  kInt8,  // a scale for each row
  kInt4,  // a scale for each group of 64 in a row, in Int4ScaleBytes of the row; rows of RowBytes
          // (kernels.h has the order of the halves)
  kInt4F16Scales,  // the same with scales in f16: packed files before version 4
};

// Borrows its rows, which may be unaligned, and its scales.
class EmbeddingTable {
 public:
  EmbeddingTable() = default;
  // scales: [rows] f32 for kInt8, [rows, Int4ScaleBytes] for kInt4, [rows, groups] f16 for
  // kInt4F16Scales, else null.
  EmbeddingTable(const std::byte* data, TableType type, size_t rows, size_t columns,
                 const void* scales = nullptr)
      : data_(data), scales_(scales), type_(type), rows_(rows), columns_(columns) {}

  // Rows of a large table are copied from `file`, which holds data(), instead of through the
  // mapping: that would make the table resident, 64 KB with each row that is touched. Does nothing
  // where the table is not large, or `file` is null. `file` outlives the table.
  void ReadLargeFrom(const MappedFile* file);

  bool empty() const { return rows_ == 0; }
  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  TableType type() const { return type_; }
  const std::byte* data() const { return data_; }
  const void* scales() const { return scales_; }

  static size_t RowBytes(TableType type, size_t columns);
  // Bytes of a row's scales; 0 where it has none.
  static size_t ScaleBytes(TableType type, size_t columns) {
    return type == TableType::kInt8            ? sizeof(float)
           : type == TableType::kInt4          ? Int4ScaleBytes(columns)
           : type == TableType::kInt4F16Scales ? Int4Groups(columns) * sizeof(uint16_t)
                                               : 0;
  }
  static bool IsInt4(TableType type) {
    return type == TableType::kInt4 || type == TableType::kInt4F16Scales;
  }
  // Groups of 64 in a row of int4.
  static size_t Int4Groups(size_t columns) { return (columns + kInt4Group - 1) / kInt4Group; }

  // Of a row of kInt4: a byte for the row (Int4RowScale), then four bits for each group
  // (Int4GroupScale), the first group in the low half of a byte.
  static size_t Int4ScaleBytes(size_t columns) { return 1 + (Int4Groups(columns) + 1) / 2; }

  // out[c] += row[c]. out: [columns] f32. REQUIRES: row < rows(), and that rows of int4 have at
  // most 4096 columns.
  void Add(const Kernels& kernels, size_t row, float* out) const;

 private:
  // The row's bytes, in `buffer` where they are not read in place.
  const std::byte* Row(size_t row, std::span<std::byte> buffer) const;
  // scales: [Int4Groups(columns)]
  void Int4Scales(size_t row, float* scales) const;

  const std::byte* data_ = nullptr;
  const MappedFile* file_ = nullptr;  // of a large table
  const void* scales_ = nullptr;
  TableType type_ = TableType::kF32;
  size_t rows_ = 0;
  size_t columns_ = 0;
};

// The widest row of an int4 table.
inline constexpr size_t kMaxInt4Columns = 4096;

float FloatFromF16(uint16_t bits);

// The scale of an int4 row: exponent and the first three bits of the fraction of an f16.
inline float Int4RowScale(uint8_t bits) { return FloatFromF16(static_cast<uint16_t>(bits << 7)); }
// That of a group: eighths of the row's, one more than the low three bits of `code`, and below zero
// with the fourth.
inline constexpr unsigned kInt4ScaleCodes = 16;
inline float Int4GroupScale(float row_scale, unsigned code) {
  const float scale = row_scale * (static_cast<float>((code & 7) + 1) / 8.0f);
  return (code & 8) != 0 ? -scale : scale;
}

float FloatFromBF16(uint16_t bits);

}  // namespace minnow
