// SPDX-License-Identifier: Apache-2.0
// EmbeddingTable: rows of a table that are read straight from the mapped file, whatever their
// precision there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace minnow {

enum class TableType { kF32, kF16, kBF16 };

// Borrows its rows, which may be unaligned.
class EmbeddingTable {
 public:
  EmbeddingTable() = default;
  EmbeddingTable(const std::byte* data, TableType type, size_t rows, size_t columns)
      : data_(data), type_(type), rows_(rows), columns_(columns) {}

  bool empty() const { return rows_ == 0; }
  size_t rows() const { return rows_; }

  // out[c] = row[c]. REQUIRES: row < rows(). out: [columns] f32
  void Copy(size_t row, float* out) const;
  // out[c] += row[c]
  void Add(size_t row, float* out) const;

 private:
  const std::byte* data_ = nullptr;
  TableType type_ = TableType::kF32;
  size_t rows_ = 0;
  size_t columns_ = 0;
};

float FloatFromF16(uint16_t bits);
float FloatFromBF16(uint16_t bits);

}  // namespace minnow
