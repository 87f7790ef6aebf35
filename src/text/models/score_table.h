// SPDX-License-Identifier: Apache-2.0
// ScoreTable: the scores of a vocabulary, as 64-bit numbers or in half the space. Borrows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace minnow {

// Scores as whole numbers of units, exactly the scores once they are divided. Those of files are
// 32-bit numbers or have few decimals, and are not far from 0.
struct ScoreUnits {
  static constexpr int32_t kNaN = std::numeric_limits<int32_t>::min();

  std::vector<int32_t> units;  // by id; empty: these scores have no such form
  double per_one = 1;          // units
};

ScoreUnits ToScoreUnits(std::span<const double> scores);

class ScoreTable {
 public:
  ScoreTable() = default;
  ScoreTable(std::span<const double> scores) : scores_(scores) {}  // NOLINT(runtime/explicit)
  // per_one: finite and above 0
  ScoreTable(std::span<const int32_t> units, double per_one) : units_(units), per_one_(per_one) {}

  size_t size() const { return scores_.size() + units_.size(); }
  bool empty() const { return size() == 0; }
  // Empty where they are in units.
  std::span<const double> as_they_are() const { return scores_; }
  double operator[](size_t id) const {
    if (!scores_.empty()) return scores_[id];
    if (units_[id] == ScoreUnits::kNaN) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(units_[id]) / per_one_;
  }

 private:
  std::span<const double> scores_;
  std::span<const int32_t> units_;
  double per_one_ = 1;
};

}  // namespace minnow
