// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/vector_rows.h"

#include <algorithm>
#include <cmath>

namespace minnow {

bool AllBelow(const float* x, size_t n, float limit) {
  bool below = true;
  for (size_t i = 0; i < n; ++i) below &= std::fabs(x[i]) < limit;
  return below;
}

void VectorRows::AddRun(Run run) {
  if (run.count == 0) return;
  run.first = size_;
  size_ += run.count;
  if (!runs_.empty()) {
    Run& last = runs_.back();
    const bool same_file = run.file != nullptr && run.file == last.file &&
                           run.file_first == last.file_first + last.count;
    const bool same_memory = run.file == nullptr && last.file == nullptr &&
                             run.owner == last.owner &&
                             run.rows == last.rows + last.count * dimensions_;
    if (same_file || same_memory) {
      last.count += run.count;
      return;
    }
  }
  runs_.push_back(std::move(run));
}

void VectorRows::AddMemory(const float* rows, size_t n, std::shared_ptr<const void> owner) {
  AddRun({.count = n, .rows = rows, .file = nullptr, .owner = std::move(owner)});
}

void VectorRows::AddFile(std::shared_ptr<const RowFile> file, uint64_t first, size_t n) {
  AddRun({.count = n, .file = std::move(file), .file_first = first, .owner = nullptr});
}

void VectorRows::AddRow(const VectorRows& from, size_t row) {
  const Run& run = from.RunOf(row);
  const size_t within = row - run.first;
  if (run.file != nullptr) {
    AddFile(run.file, run.file_first + within, 1);
  } else {
    AddMemory(run.rows + within * dimensions_, 1, run.owner);
  }
}

const VectorRows::Run& VectorRows::RunOf(size_t row) const {
  if (runs_.size() == 1) return runs_.front();
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), row,
                                      [](size_t r, const Run& run) { return r < run.first; });
  return *(after - 1);
}

const float* VectorRows::Get(size_t row, float* scratch) const {
  const Run& run = RunOf(row);
  const size_t within = row - run.first;
  if (run.file == nullptr) return run.rows + within * dimensions_;
  return run.file->Get(run.file_first + within, scratch);
}

const float* VectorRows::GetTogether(size_t row, size_t n) const {
  const Run& run = RunOf(row);
  const size_t within = row - run.first;
  return run.file == nullptr && within + n <= run.count ? run.rows + within * dimensions_ : nullptr;
}

void VectorRows::Prefetch(size_t row) const {
  const Run& run = RunOf(row);
  const size_t within = row - run.first;
  const float* const x = run.file == nullptr ? run.rows + within * dimensions_
                                             : run.file->Mapped(run.file_first + within);
  if (x == nullptr) return;
  const char* begin = reinterpret_cast<const char*>(x);
  constexpr size_t kLine = 64;
  for (size_t i = 0; i < dimensions_ * sizeof(float); i += kLine) __builtin_prefetch(begin + i);
}

}  // namespace minnow
