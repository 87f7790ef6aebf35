// SPDX-License-Identifier: Apache-2.0
// Rows of scores: the best, the best k and log-softmax, also of rows that are no good.
#include "generation/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace minnow {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();

std::vector<float> Random(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> scores(count);
  for (float& score : scores) score = static_cast<float>(random() % 20001) / 1000 - 10;
  return scores;
}

TEST(Scores, ArgMaxIsTheFirstMaximum) {
  for (const size_t count : {1u, 5u, 15u, 16u, 17u, 100u, 1000u}) {
    for (size_t at = 0; at < count; ++at) {
      std::vector<float> scores(count, -3);
      scores[at] = 2;
      scores[count - 1] = 2;
      ASSERT_EQ(ArgMax(scores), static_cast<int32_t>(at)) << count;
    }
  }
}

TEST(Scores, ArgMaxTakesNanForMinusInfinity) {
  EXPECT_EQ(ArgMax(std::vector<float>{kNan, -kInf, -5, kNan}), 2);
  EXPECT_EQ(ArgMax(std::vector<float>{1, kInf, kNan}), 1);
  EXPECT_EQ(ArgMax(std::vector<float>(40, kNan)), -1);
  EXPECT_EQ(ArgMax(std::vector<float>(40, -kInf)), -1);
  EXPECT_EQ(ArgMax({}), -1);
}

TEST(Scores, LogSumExpIsThatOfDoubles) {
  for (const size_t count : {1u, 3u, 16u, 255u, 256u, 257u, 5000u, 32128u}) {
    const std::vector<float> scores = Random(count, static_cast<uint32_t>(count));
    double sum = 0;
    for (const float score : scores) sum += std::exp(static_cast<double>(score));
    EXPECT_NEAR(LogSumExp(scores), std::log(sum), 2e-6) << count;
  }
}

TEST(Scores, LogSoftmaxByHand) {
  std::vector<float> scores{std::log(1.0f), std::log(2.0f), std::log(5.0f)};
  EXPECT_TRUE(LogSoftmax(scores));
  EXPECT_NEAR(scores[0], std::log(0.125), 1e-6);
  EXPECT_NEAR(scores[1], std::log(0.25), 1e-6);
  EXPECT_NEAR(scores[2], std::log(0.625), 1e-6);
  std::vector<float> far{-200, 0, -90};
  EXPECT_TRUE(LogSoftmax(far));
  EXPECT_THAT(far, ElementsAre(-200, 0, -90));
}

TEST(Scores, LogSoftmaxOfWhatIsNotFinite) {
  std::vector<float> scores{kNan, 1, -kInf, 1};
  EXPECT_TRUE(LogSoftmax(scores));
  EXPECT_EQ(scores[0], -kInf);
  EXPECT_EQ(scores[2], -kInf);
  EXPECT_NEAR(scores[1], std::log(0.5), 1e-6);
  std::vector<float> infinite{kInf, 3, kInf, -kLargest};
  EXPECT_TRUE(LogSoftmax(infinite));
  EXPECT_EQ(infinite[0], 0);
  EXPECT_EQ(infinite[1], -kLargest);
  EXPECT_FALSE(std::isnan(infinite[3]));
  std::vector<float> nothing{kNan, -kInf, kNan};
  EXPECT_FALSE(LogSoftmax(nothing));
  EXPECT_THAT(nothing, Each(-kInf));
}

TEST(Scores, BestContinuationsAreThoseOfAFullSort) {
  constexpr size_t kCount = 1000, kRows = 3;
  BestContinuations best(10);
  for (uint32_t seed = 0; seed < 20; ++seed) {
    best.Clear();
    std::vector<Continuation> all;
    for (uint32_t row = 0; row < kRows; ++row) {
      std::vector<float> scores = Random(kCount, seed * kRows + row);
      scores[seed] = kNan;
      scores[seed + 1] = -kInf;
      const float total = -static_cast<float>(row);
      best.OfferRow(scores, total, row);
      for (size_t i = 0; i < kCount; ++i) {
        if (!(scores[i] > -kInf)) continue;
        all.push_back(
            {scores[i] + total, scores[i] + total, scores[i], row, static_cast<int32_t>(i)});
      }
    }
    // Rising rows and ids already: a stable sort puts the lower of equals first.
    std::ranges::stable_sort(all, std::greater<>(), &Continuation::order);
    const auto found = best.Take();
    ASSERT_EQ(found.size(), 10u);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].row, all[i].row);
      EXPECT_EQ(found[i].id, all[i].id);
      EXPECT_EQ(found[i].total, all[i].total);
      EXPECT_EQ(found[i].score, all[i].score);
    }
  }
}

TEST(Scores, FewerContinuationsThanWanted) {
  BestContinuations best(4);
  best.OfferRow(std::vector<float>{-kInf, 1, kNan, 3}, 0, 0);
  const auto found = best.Take();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].id, 3);
  EXPECT_EQ(found[1].id, 1);
}

TEST(Scores, KthLargestCountsEquals) {
  EXPECT_EQ(KthLargest(1).Of(std::vector<float>{1, 5, 3}), 5);
  EXPECT_EQ(KthLargest(2).Of(std::vector<float>{5, 1, 5, 3}), 5);
  EXPECT_EQ(KthLargest(3).Of(std::vector<float>{5, 1, 5, 3}), 3);
  EXPECT_EQ(KthLargest(3).Of(std::vector<float>{kNan, 1, -kInf, 3}), -kInf);
}

}  // namespace
}  // namespace minnow
