// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/row_filter.h"

#include <algorithm>
#include <bit>

#include "index/vectors/filter_masks.h"

namespace minnow {
namespace {

constexpr size_t kWordBits = 64;
// Groups that lie further apart than this on average are kept as a list.
constexpr uint64_t kSparse = 1024;
// Segments whose masks are remembered.
constexpr size_t kMostMasks = 32;

}  // namespace

RowFilter::RowFilter() : state_(std::make_unique<State>()) {}
RowFilter::RowFilter(RowFilter&&) noexcept = default;
RowFilter& RowFilter::operator=(RowFilter&&) noexcept = default;
RowFilter::~RowFilter() = default;

RowFilter RowFilter::FromGroups(std::span<const int64_t> groups) {
  RowFilter filter;
  State& state = *filter.state_;
  state.allowed = groups.size();
  if (groups.empty()) return filter;
  const uint64_t range =
      static_cast<uint64_t>(groups.back()) - static_cast<uint64_t>(groups.front());
  if (range / kSparse > groups.size()) {
    state.groups.assign(groups.begin(), groups.end());
    return filter;
  }
  state.first = groups.front();
  state.bits.resize(range / kWordBits + 1);
  for (const int64_t group : groups) {
    const uint64_t i = static_cast<uint64_t>(group) - static_cast<uint64_t>(state.first);
    state.bits[i / kWordBits] |= uint64_t{1} << i % kWordBits;
  }
  return filter;
}

RowFilter RowFilter::FromBitmap(int64_t first, std::vector<uint64_t> bits) {
  RowFilter filter;
  State& state = *filter.state_;
  state.first = first;
  for (const uint64_t word : bits) state.allowed += static_cast<size_t>(std::popcount(word));
  state.bits = std::move(bits);
  return filter;
}

bool RowFilter::Allows(int64_t group) const {
  const State& state = *state_;
  if (!state.groups.empty())
    return std::binary_search(state.groups.begin(), state.groups.end(), group);
  const uint64_t i = static_cast<uint64_t>(group) - static_cast<uint64_t>(state.first);
  return i / kWordBits < state.bits.size() && (state.bits[i / kWordBits] >> i % kWordBits & 1) != 0;
}

size_t RowFilter::allowed() const { return state_->allowed; }

std::shared_ptr<const SegmentMask> FilterMasks::For(const RowFilter& filter,
                                                    const Segment& segment) {
  RowFilter::State& state = *filter.state_;
  {
    const std::lock_guard lock(state.mutex);
    for (const auto& [serial, mask] : state.masks) {
      if (serial == segment.serial()) return mask;
    }
  }
  auto mask = std::make_shared<SegmentMask>();
  mask->allowed.resize(segment.arrays().block_count);
  for (size_t row = 0; row < segment.rows(); ++row) {
    if (!filter.Allows(segment.arrays().groups[row])) continue;
    const uint32_t slot = segment.arrays().slot_of_row[row];
    mask->allowed[slot / kScanBlockRows] |= 1u << slot % kScanBlockRows;
    ++mask->rows;
  }
  const std::lock_guard lock(state.mutex);
  if (state.masks.size() >= kMostMasks) state.masks.erase(state.masks.begin());
  state.masks.emplace_back(segment.serial(), mask);
  return mask;
}

}  // namespace minnow
