// SPDX-License-Identifier: Apache-2.0
// What a RowFilter allows in one segment, by slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "index/vectors/row_filter.h"
#include "index/vectors/segment.h"

namespace minnow {

struct SegmentMask {
  std::vector<uint32_t> allowed;  // [blocks]: bit j: row j of the block
  size_t rows = 0;
};

class FilterMasks {
 public:
  // Made at the first call for a segment, then remembered by the filter. Thread-safe.
  static std::shared_ptr<const SegmentMask> For(const RowFilter& filter, const Segment& segment);
};

struct RowFilter::State {
  size_t allowed = 0;
  std::vector<int64_t> groups;  // ascending; or, where it is empty:
  int64_t first = 0;
  std::vector<uint64_t> bits;

  std::mutex mutex;
  std::vector<std::pair<uint64_t, std::shared_ptr<const SegmentMask>>> masks;  // by serial
};

}  // namespace minnow
