// SPDX-License-Identifier: Apache-2.0
// RowFilter: which groups (documents) a vector search may answer with.
//
// Knows nothing of any index: one filter serves searches of any snapshot. It remembers the rows
// that it allows in each part of an index, so keeping it for further searches saves that work.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace minnow {

class RowFilter {
 public:
  // groups: ascending, without repeats.
  static RowFilter FromGroups(std::span<const int64_t> groups);
  // Bit i % 64 of bits[i / 64] says whether group `first` + i is allowed.
  static RowFilter FromBitmap(int64_t first, std::vector<uint64_t> bits);

  RowFilter(RowFilter&&) noexcept;
  RowFilter& operator=(RowFilter&&) noexcept;
  ~RowFilter();

  bool Allows(int64_t group) const;
  size_t allowed() const;  // groups

  struct State;  // of filter_masks.h

 private:
  RowFilter();
  friend class FilterMasks;
  std::unique_ptr<State> state_;
};

}  // namespace minnow
