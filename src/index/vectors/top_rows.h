// SPDX-License-Identifier: Apache-2.0
// TopRows: the best few of the rows offered, one a group where asked for.
//
// What is kept does not depend on the order of offers: rows are ordered by value, then key. One
// thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace minnow {

struct TopRow {
  float value = 0;
  uint32_t segment = 0;
  uint32_t row = 0;
  int64_t key = 0;
  int64_t group = 0;

  bool Before(const TopRow& other) const {
    return value != other.value ? value > other.value : key < other.key;
  }
};

class TopRows {
 public:
  // REQUIRES: limit >= 1
  TopRows(size_t limit, bool distinct_groups) : limit_(limit), distinct_groups_(distinct_groups) {}

  // No row below this is among the best. Rises.
  float threshold() const { return threshold_; }

  void Offer(const TopRow& row) {
    if (!(row.value >= threshold_)) return;  // a NaN is never among the best
    if (limit_ <= kFew) return Insert(row);
    if (distinct_groups_ && IsOfKnownGroup(row)) return;
    rows_.push_back(row);
    if (rows_.size() >= limit_ + Slack()) Settle();
  }

  // The best so far; sorted.
  const std::vector<TopRow>& Sorted() {
    if (limit_ > kFew) {
      if (rows_.size() > limit_) Settle();
      std::sort(rows_.begin(), rows_.end(), Before);
      RememberGroups();
    }
    return rows_;
  }

  void Absorb(const TopRows& other) {
    for (const TopRow& row : other.rows_) Offer(row);
  }

 private:
  static bool Before(const TopRow& a, const TopRow& b) { return a.Before(b); }

  // So few rows are kept in order at all times, so that the threshold is never behind.
  static constexpr size_t kFew = 128;

  void Insert(const TopRow& row) {
    if (rows_.size() == limit_ && !row.Before(rows_.back())) return;
    if (distinct_groups_) {
      const auto same = std::find_if(rows_.begin(), rows_.end(),
                                     [&](const TopRow& kept) { return kept.group == row.group; });
      if (same != rows_.end()) {
        if (!row.Before(*same)) return;
        rows_.erase(same);
      }
    }
    if (rows_.size() == limit_) rows_.pop_back();
    rows_.insert(std::upper_bound(rows_.begin(), rows_.end(), row, Before), row);
    if (rows_.size() == limit_) threshold_ = rows_.back().value;
  }

  // The best are picked out for each so many offers.
  size_t Slack() const { return std::max<size_t>(limit_ / 2, 12); }

  // REQUIRES: rows_.size() >= limit_
  void Settle() {
    const auto end = rows_.begin() + static_cast<std::ptrdiff_t>(limit_);
    std::nth_element(rows_.begin(), end - 1, rows_.end(), Before);
    rows_.erase(end, rows_.end());
    threshold_ = rows_.back().value;
    RememberGroups();
  }

  // Where its group is kept, the better of the two stays; else the row is about to be the last.
  bool IsOfKnownGroup(const TopRow& row) {
    if (places_.size() < 2 * (rows_.size() + 1)) RememberGroups();
    size_t at = PlaceOf(row.group);
    for (; places_[at] != kNoPlace; at = (at + 1) & (places_.size() - 1)) {
      TopRow& kept = rows_[places_[at]];
      if (kept.group != row.group) continue;
      if (row.Before(kept)) kept = row;
      return true;
    }
    places_[at] = static_cast<uint32_t>(rows_.size());
    return false;
  }

  void RememberGroups() {
    if (!distinct_groups_) return;
    // Half of it at most is taken, so that a place is found soon.
    places_.assign(std::bit_ceil(4 * (rows_.size() + 1)), kNoPlace);
    for (uint32_t i = 0; i < rows_.size(); ++i) {
      size_t at = PlaceOf(rows_[i].group);
      while (places_[at] != kNoPlace) at = (at + 1) & (places_.size() - 1);
      places_[at] = i;
    }
  }

  size_t PlaceOf(int64_t group) const {
    constexpr uint64_t kSpread = 0x9e3779b97f4a7c15;  // 2^64 over the golden ratio
    return (static_cast<uint64_t>(group) * kSpread >> 32) & (places_.size() - 1);
  }

  const size_t limit_;
  const bool distinct_groups_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<TopRow> rows_;
  // Of more than kFew rows of distinct groups, which is whose: a hash table of their numbers.
  static constexpr uint32_t kNoPlace = UINT32_MAX;
  std::vector<uint32_t> places_;
};

}  // namespace minnow
