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
    rows_.push_back(row);
    if (rows_.size() >= limit_ + Slack()) Settle();
  }

  // The best so far; sorted.
  const std::vector<TopRow>& Sorted() {
    Settle();
    return rows_;
  }

  void Absorb(const TopRows& other) {
    for (const TopRow& row : other.rows_) Offer(row);
  }

 private:
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
