// SPDX-License-Identifier: Apache-2.0
// Finds the unit that scores are whole numbers of.
#include "text/models/score_table.h"

#include <cmath>
#include <optional>

namespace minnow {
namespace {

// The nearest whole number of units, where that is exactly the score.
std::optional<int32_t> Units(double score, double per_one) {
  if (std::isnan(score)) return ScoreUnits::kNaN;
  const double units = std::nearbyint(score * per_one);
  if (!(std::fabs(units) <= std::numeric_limits<int32_t>::max())) return std::nullopt;
  if (units / per_one != score) return std::nullopt;
  return static_cast<int32_t>(units);
}

}  // namespace

ScoreUnits ToScoreUnits(std::span<const double> scores) {
  // 32-bit numbers from 2 to 512, from 1/2 to 128, from 1/8 to 32, and decimals of five to eight
  // places.
  for (const double per_one : {0x1p22, 0x1p24, 0x1p26, 1e5, 1e6, 1e7, 1e8}) {
    ScoreUnits found = {.units = {}, .per_one = per_one};
    found.units.reserve(scores.size());
    for (const double score : scores) {
      const std::optional<int32_t> units = Units(score, per_one);
      if (!units) break;
      found.units.push_back(*units);
    }
    if (found.units.size() == scores.size()) return found;
  }
  return {};
}

}  // namespace minnow
