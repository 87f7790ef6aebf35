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
// Where a filter allows fewer groups than this part of the rows, they are looked up one by one.
constexpr size_t kAllowedOf = 8;

// The first of rows [from, n) whose group is not below `group`, which is likely near `guess`.
size_t Seek(const int64_t* groups, size_t from, size_t n, size_t guess, int64_t group) {
  if (from == n) return n;
  const size_t at = std::clamp(guess, from, n - 1);
  size_t low = from, high = n, step = 1;
  if (groups[at] < group) {
    low = at + 1;
    for (; step < n - low && groups[low + step - 1] < group; step *= 2) low += step;
    high = low + std::min(step, n - low);
  } else {
    high = at;
    for (; step <= high - from && groups[high - step] >= group; step *= 2) high -= step;
    low = high - std::min(step, high - from);
  }
  return static_cast<size_t>(std::lower_bound(groups + low, groups + high, group) - groups);
}

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

namespace {

// Calls each(group) for the groups of the filter from `first` to `last`, ascending.
template <class Each>
void EachGroup(const RowFilter::State& state, int64_t first, int64_t last, const Each& each) {
  if (!state.groups.empty()) {
    auto group = std::lower_bound(state.groups.begin(), state.groups.end(), first);
    for (; group != state.groups.end() && *group <= last; ++group) each(*group);
    return;
  }
  for (size_t w = 0; w < state.bits.size(); ++w) {
    for (uint64_t word = state.bits[w]; word != 0; word &= word - 1) {
      const uint64_t bit = w * kWordBits + static_cast<size_t>(std::countr_zero(word));
      const auto group = static_cast<int64_t>(static_cast<uint64_t>(state.first) + bit);
      if (group >= first && group <= last) each(group);
    }
  }
}

// Calls allow(row) for the rows of a segment whose groups ascend.
template <class Allow>
void AllowFew(const RowFilter::State& state, const Segment& segment, const Allow& allow) {
  const int64_t* groups = segment.arrays().groups;
  const size_t rows = segment.rows();
  if (rows == 0) return;
  const int64_t first = groups[0], last = groups[rows - 1];
  const double rows_a_group =
      static_cast<double>(rows) / (static_cast<double>(last) - static_cast<double>(first) + 1);
  size_t row = 0;
  int64_t before = first;
  EachGroup(state, first, last, [&](int64_t group) {
    const double ahead = (static_cast<double>(group) - static_cast<double>(before)) * rows_a_group;
    row = Seek(groups, row, rows, row + static_cast<size_t>(ahead), group);
    for (before = group; row < rows && groups[row] == group; ++row) allow(row);
  });
}

}  // namespace

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
  const auto allow = [&](size_t row) {
    const uint32_t slot = segment.arrays().slot_of_row[row];
    mask->allowed[slot / kScanBlockRows] |= 1u << slot % kScanBlockRows;
    ++mask->rows;
  };
  if (segment.arrays().groups_ascend && state.allowed < segment.rows() / kAllowedOf) {
    AllowFew(state, segment, allow);
  } else {
    for (size_t row = 0; row < segment.rows(); ++row) {
      if (filter.Allows(segment.arrays().groups[row])) allow(row);
    }
  }
  const std::lock_guard lock(state.mutex);
  if (state.masks.size() >= kMostMasks) state.masks.erase(state.masks.begin());
  state.masks.emplace_back(segment.serial(), mask);
  return mask;
}

}  // namespace minnow
