// SPDX-License-Identifier: Apache-2.0
#include "text/models/score_table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace minnow {
namespace {

// What comes back is the same to the last bit.
void ExpectUnits(const std::vector<double>& scores, double per_one) {
  const ScoreUnits units = ToScoreUnits(scores);
  ASSERT_EQ(units.units.size(), scores.size());
  EXPECT_EQ(units.per_one, per_one);
  const ScoreTable table(units.units, units.per_one);
  ASSERT_EQ(table.size(), scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) {
      EXPECT_TRUE(std::isnan(table[i]));
    } else {
      EXPECT_EQ(table[i], scores[i]);
    }
  }
}

TEST(ScoreTable, HoldsFloatsAndDecimalsExactly) {
  ExpectUnits({0, -3.4635426998138428, -20.364784240722656, -511.99997f}, 0x1p22);
  ExpectUnits({0, NAN, -1.1f, -100.7f}, 0x1p24);
  ExpectUnits({-0.2f, -31.3f}, 0x1p26);
  ExpectUnits({0, -3.46354, -9.46205, -20.3648, NAN}, 1e5);
  ExpectUnits({-3.463541, -20.364812}, 1e6);
}

TEST(ScoreTable, LeavesOtherScoresAsTheyAre) {
  for (const double odd : {1.0 / 3, -1e-9, -1e10, double{INFINITY}, 0x1p31}) {
    const std::vector<double> scores = {-1.5, odd};
    EXPECT_TRUE(ToScoreUnits(scores).units.empty()) << odd;
    EXPECT_EQ(ScoreTable(scores)[1], odd);
  }
  EXPECT_TRUE(ScoreTable().empty());
}

}  // namespace
}  // namespace minnow
