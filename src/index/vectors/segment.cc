// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/segment.h"

#include <algorithm>

#include "kernels/dispatch.h"

namespace minnow {
namespace {

uint64_t NextSerial() {
  static std::atomic<uint64_t> serial{0};
  return serial.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Segment::Segment(const SegmentArrays& arrays, VectorRows rows, std::shared_ptr<const void> owner,
                 std::shared_ptr<const DamageCheck> check, bool clustered, bool in_memory)
    : arrays_(arrays),
      vectors_(std::move(rows)),
      owner_(std::move(owner)),
      check_(std::move(check)),
      clustered_(clustered),
      in_memory_(in_memory),
      serial_(NextSerial()),
      centroid_codes_(arrays.lists.size() * arrays.dimensions),
      centroid_scales_(arrays.lists.size()),
      live_(std::make_unique<std::atomic<uint32_t>[]>(arrays.block_count)) {
  for (size_t list = 0; list < arrays.lists.size(); ++list) {
    const size_t at = list * arrays.dimensions;
    ActiveKernels().scan->quantize(arrays.centroids + at, arrays.dimensions, &centroid_codes_[at],
                                   &centroid_scales_[list]);
  }
  for (size_t slot = 0; slot < slots(); ++slot) {
    if (arrays_.row_of_slot[slot] == kNoRow) continue;
    std::atomic<uint32_t>& word = live_[slot / kScanBlockRows];
    word.store(word.load(std::memory_order_relaxed) | 1u << slot % kScanBlockRows,
               std::memory_order_relaxed);
  }
}

bool Segment::IsLive(size_t row) const {
  const uint32_t slot = arrays_.slot_of_row[row];
  return (Live(slot / kScanBlockRows) >> slot % kScanBlockRows & 1) != 0;
}

uint32_t Segment::FindRow(int64_t key) const {
  const auto found = std::lower_bound(arrays_.keys.begin(), arrays_.keys.end(), key);
  if (found == arrays_.keys.end() || *found != key) return kNoRow;
  return static_cast<uint32_t>(found - arrays_.keys.begin());
}

bool Segment::Remove(size_t row) const {
  const uint32_t slot = arrays_.slot_of_row[row];
  const uint32_t bit = 1u << slot % kScanBlockRows;
  const uint32_t before = live_[slot / kScanBlockRows].fetch_and(~bit, std::memory_order_relaxed);
  if ((before & bit) == 0) return false;
  removed_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace minnow
