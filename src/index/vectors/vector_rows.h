// SPDX-License-Identifier: Apache-2.0
// VectorRows: where the fp32 rows of a segment lie, in runs of memory or of a file.
//
// Rows are never copied when segments are merged: a run keeps what owns it alive. Immutable once
// built; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace minnow {

// Numbers of rows stay below this, so that their squares, and sums of such, are still numbers.
inline constexpr float kLargestElement = 1e15f;

// Whether the magnitudes of x ([n]) are all below `limit`; what is not a number is not. Without a
// branch for each.
bool AllBelow(const float* x, size_t n, float limit);

// Rows in a file.
class RowFile {
 public:
  virtual ~RowFile() = default;
  // The row where it lies, or in `scratch` ([D]). Null: it cannot be read, or is damaged.
  virtual const float* Get(uint64_t row, float* scratch) const = 0;
  // Where the row lies, unchecked; null where it must be read.
  virtual const float* Mapped(uint64_t row) const = 0;
};

class VectorRows {
 public:
  explicit VectorRows(size_t dimensions) : dimensions_(dimensions) {}

  // rows: [n, D], which `owner` keeps alive.
  void AddMemory(const float* rows, size_t n, std::shared_ptr<const void> owner);
  void AddFile(std::shared_ptr<const RowFile> file, uint64_t first, size_t n);
  // One row of another.
  void AddRow(const VectorRows& from, size_t row);

  size_t size() const { return size_; }
  // The row where it lies, or in `scratch` ([D]). Null: it cannot be read.
  const float* Get(size_t row, float* scratch) const;
  // [n, D] from `row` on, where they lie side by side in memory, or null.
  const float* GetTogether(size_t row, size_t n) const;
  // Tells the processor that the row will be read soon.
  void Prefetch(size_t row) const;

 private:
  struct Run {
    size_t first = 0;  // of this object's rows
    size_t count = 0;
    const float* rows = nullptr;  // or in a file:
    std::shared_ptr<const RowFile> file;
    uint64_t file_first = 0;
    std::shared_ptr<const void> owner;
  };
  const Run& RunOf(size_t row) const;
  void AddRun(Run run);

  size_t dimensions_;
  size_t size_ = 0;
  std::vector<Run> runs_;
};

}  // namespace minnow
