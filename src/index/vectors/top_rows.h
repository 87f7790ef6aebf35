// SPDX-License-Identifier: Apache-2.0
// TopRows: the best few of the rows offered, one a group where asked for.
//
// What is kept does not depend on the order of offers: rows are ordered by value, then key. One
// thread.
#pragma once

#include <algorithm>
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
    rows_.push_back(row);
    if (rows_.size() >= limit_ + Slack()) Settle();
  }

  // The best so far; sorted.
  const std::vector<TopRow>& Sorted() {
    if (limit_ > kFew) Settle();
    return rows_;
  }

  void Absorb(const TopRows& other) {
    for (const TopRow& row : other.rows_) Offer(row);
  }

 private:
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
    const auto after =
        std::upper_bound(rows_.begin(), rows_.end(), row,
                         [](const TopRow& a, const TopRow& b) { return a.Before(b); });
    rows_.insert(after, row);
    if (rows_.size() == limit_) threshold_ = rows_.back().value;
  }

  // A sort for each so many offers.
  size_t Slack() const { return std::max<size_t>(limit_ / 2, 12); }

  void Settle() {
    if (distinct_groups_) {
      std::sort(rows_.begin(), rows_.end(), [](const TopRow& a, const TopRow& b) {
        return a.group != b.group ? a.group < b.group : a.Before(b);
      });
      rows_.erase(std::unique(rows_.begin(), rows_.end(),
                              [](const TopRow& a, const TopRow& b) { return a.group == b.group; }),
                  rows_.end());
    }
    std::sort(rows_.begin(), rows_.end(),
              [](const TopRow& a, const TopRow& b) { return a.Before(b); });
    if (rows_.size() < limit_) return;
    rows_.resize(limit_);
    threshold_ = rows_.back().value;
  }

  const size_t limit_;
  const bool distinct_groups_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<TopRow> rows_;
};

}  // namespace minnow
