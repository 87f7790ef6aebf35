// SPDX-License-Identifier: Apache-2.0
// DocumentSet: documents of one index at one moment, as a filter leaves them. Immutable; may be
// used from any thread, and kept as long as one likes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "index/query/bitmap.h"

namespace minnow {

class DocumentSet {
 public:
  // Row ids by ordinal, ascending.
  using RowIds = std::shared_ptr<const std::vector<int64_t>>;

  // The documents whose bit is set. REQUIRES: bits.size() <= ids->size()
  DocumentSet(RowIds ids, Bitmap bits)
      : ids_(std::move(ids)), bits_(std::move(bits)), count_(bits_.Count()) {}

  size_t count() const { return count_; }
  const Bitmap& bits() const { return bits_; }
  const RowIds& ids() const { return ids_; }

  bool Contains(int64_t document) const {
    const size_t ordinal = Find(*ids_, document);
    return ordinal < ids_->size() && bits_.Get(ordinal);
  }

  // Row ids, ascending.
  std::vector<int64_t> Documents() const {
    std::vector<int64_t> documents;
    documents.reserve(count_);
    bits_.ForEach([&](size_t i) { documents.push_back((*ids_)[i]); });
    return documents;
  }

  // The ordinal of `document` in `ids`, or ids.size().
  static size_t Find(const std::vector<int64_t>& ids, int64_t document) {
    const size_t none = ids.size();
    if (ids.empty() || document < ids.front() || document > ids.back()) return none;
    // Ids are distinct, so neighbours bound each other: without gaps this leaves one place.
    const auto from_front = static_cast<size_t>(document - ids.front());
    const auto from_back = static_cast<size_t>(ids.back() - document);
    const size_t begin = from_back >= ids.size() ? 0 : ids.size() - 1 - from_back;
    const size_t end = std::min(from_front + 1, ids.size());
    const auto found = std::lower_bound(ids.begin() + static_cast<ptrdiff_t>(begin),
                                        ids.begin() + static_cast<ptrdiff_t>(end), document);
    if (found == ids.end() || *found != document) return none;
    return static_cast<size_t>(found - ids.begin());
  }

 private:
  RowIds ids_;
  Bitmap bits_;
  size_t count_ = 0;
};

}  // namespace minnow
