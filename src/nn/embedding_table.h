// SPDX-License-Identifier: Apache-2.0
// EmbeddingTable: rows of a table that are read straight from the mapped file, whatever their
// precision there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace minnow {

enum class TableType {
  kF32,
  kF16,
  kBF16,
  kInt8,  // a scale for each row
  kInt4,  // a scale for each group of 64 in a row; rows of RowBytes (kernels.h has the order of the
          // halves)
};

// Borrows its rows, which may be unaligned, and its scales.
class EmbeddingTable {
 public:
  EmbeddingTable() = default;
  // scales: [rows] f32 for kInt8, [rows, groups] f16 for kInt4, else null.
  EmbeddingTable(const std::byte* data, TableType type, size_t rows, size_t columns,
                 const void* scales = nullptr)
      : data_(data), scales_(scales), type_(type), rows_(rows), columns_(columns) {}

  bool empty() const { return rows_ == 0; }
  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  TableType type() const { return type_; }
  const std::byte* data() const { return data_; }
  const void* scales() const { return scales_; }

  static size_t RowBytes(TableType type, size_t columns);
  // Bytes of a row's scales; 0 where it has none.
  static size_t ScaleBytes(TableType type, size_t columns) {
    return type == TableType::kInt8   ? sizeof(float)
           : type == TableType::kInt4 ? Int4Groups(columns) * sizeof(uint16_t)
                                      : 0;
  }
  // Groups of 64 in a row of kInt4.
  static size_t Int4Groups(size_t columns) { return (columns + kInt4Group - 1) / kInt4Group; }

  // out[c] += row[c]. out: [columns] f32. REQUIRES: row < rows(), and that scales of kInt4 are for
  // at most 4096 columns.
  void Add(const Kernels& kernels, size_t row, float* out) const;

 private:
  const std::byte* data_ = nullptr;
  const void* scales_ = nullptr;
  TableType type_ = TableType::kF32;
  size_t rows_ = 0;
  size_t columns_ = 0;
};

// The widest row of an int4 table.
inline constexpr size_t kMaxInt4Columns = 4096;

float FloatFromF16(uint16_t bits);
float FloatFromBF16(uint16_t bits);

}  // namespace minnow
