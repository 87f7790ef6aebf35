// SPDX-License-Identifier: Apache-2.0
// What sampling's cuts leave, by hand. Compared with transformers: tests/golden/generation_test.cc.
#include "generation/warpers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr float kNo = -std::numeric_limits<float>::infinity();

GenerationSettings Plain(size_t vocab_size = 5) {
  GenerationSettings settings;
  settings.vocab_size = vocab_size;
  settings.eos_token_ids = {1};
  settings.do_sample = true;
  return settings;
}

// Scores of probabilities 0.1, 0.4, 0.05, 0.25, 0.2.
std::vector<float> Scores() {
  std::vector<float> scores;
  for (const double p : {0.1, 0.4, 0.05, 0.25, 0.2}) {
    scores.push_back(static_cast<float>(std::log(p) + 3));
  }
  return scores;
}

std::vector<int32_t> Kept(const GenerationSettings& settings,
                          std::vector<float> scores = Scores()) {
  SamplingWarpers warpers(settings);
  std::vector<int32_t> ids;
  double sum = 0;
  for (const SampleCandidate& candidate : warpers.Apply(scores)) {
    ids.push_back(candidate.id);
    sum += candidate.p;
  }
  EXPECT_NEAR(sum, ids.empty() ? 0 : 1, 1e-6);
  return ids;
}

TEST(SamplingWarpers, KeepAllThatIsNotForbidden) {
  EXPECT_THAT(Kept(Plain()), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Kept(Plain(), {1, kNo, std::nanf(""), 2, kNo}), ElementsAre(0, 3));
  EXPECT_THAT(Kept(Plain(), {kNo, kNo, kNo, kNo, std::nanf("")}), IsEmpty());
}

TEST(SamplingWarpers, Temperature) {
  GenerationSettings settings = Plain(2);
  settings.temperature = 0.5;
  SamplingWarpers warpers(settings);
  std::vector<float> scores{0, std::log(3.0f)};
  EXPECT_NEAR(warpers.Apply(scores)[1].p, 0.9, 1e-6);
  // So small that quotients overflow: the best is all there is.
  settings.temperature = 1e-38;
  EXPECT_THAT(Kept(settings, {-20, 30}), ElementsAre(1));
  EXPECT_THAT(Kept(settings, {-20, -30}), IsEmpty());
}

TEST(SamplingWarpers, TopKKeepsEquals) {
  GenerationSettings settings = Plain();
  settings.top_k = 2;
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3));
  EXPECT_THAT(Kept(settings, {1, 2, 2, 3, 0}), ElementsAre(1, 2, 3));
  settings.top_k = 2000000000;
  EXPECT_THAT(Kept(settings), ElementsAre(0, 1, 2, 3, 4));
  settings.top_k = 1;
  EXPECT_THAT(Kept(settings), ElementsAre(1));
  settings.num_beams = 2;  // an end and another
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3));
}

TEST(SamplingWarpers, TopP) {
  GenerationSettings settings = Plain();
  settings.top_p = 0.6;
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3));
  settings.top_p = 0.7;
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3, 4));
  settings.top_p = 0;
  EXPECT_THAT(Kept(settings), ElementsAre(1));
  EXPECT_THAT(Kept(settings, {2, 2, 2, 2, 2}), ElementsAre(0));
  settings.num_beams = 3;
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3));
}

TEST(SamplingWarpers, MinP) {
  GenerationSettings settings = Plain();
  settings.min_p = 0.45;  // of 0.4: 0.18
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3, 4));
  settings.min_p = 1;
  EXPECT_THAT(Kept(settings), ElementsAre(1));
}

// Entropy 1.415; surprises 2.303, 0.916, 2.996, 1.386, 1.609: nearest are 3, 4, 1, 0, 2.
TEST(SamplingWarpers, Typical) {
  GenerationSettings settings = Plain();
  settings.typical_p = 0.2;
  EXPECT_THAT(Kept(settings), ElementsAre(3));
  settings.typical_p = 0.4;
  EXPECT_THAT(Kept(settings), ElementsAre(3, 4));
  settings.typical_p = 0.8;
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3, 4));
  settings.typical_p = 0.9;
  EXPECT_THAT(Kept(settings), ElementsAre(0, 1, 3, 4));
  settings.typical_p = 0.2;
  settings.num_beams = 2;
  EXPECT_THAT(Kept(settings), ElementsAre(3, 4));
}

TEST(SamplingWarpers, EpsilonAndEta) {
  GenerationSettings settings = Plain();
  settings.epsilon_cutoff = 0.15;
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3, 4));
  settings.epsilon_cutoff = 0.9;
  EXPECT_THAT(Kept(settings), ElementsAre(1));
  settings.epsilon_cutoff = 0;
  settings.eta_cutoff = 0.3;  // sqrt(0.3) e^-1.415 = 0.133
  EXPECT_THAT(Kept(settings), ElementsAre(1, 3, 4));
}

TEST(SamplingWarpers, RenormalizedScoresAreLogProbabilities) {
  GenerationSettings settings = Plain();
  settings.top_k = 2;
  settings.renormalize_logits = true;
  SamplingWarpers warpers(settings);
  std::vector<float> scores = Scores();
  for (const SampleCandidate& candidate : warpers.Apply(scores)) {
    EXPECT_NEAR(candidate.score, std::log(candidate.p), 1e-6);
  }
}

// The halving of CountByMass against a plain sort, on rows that top_k does not shorten.
TEST(SamplingWarpers, TopPOfManyIdsIsThatOfASort) {
  GenerationSettings settings = Plain(3000);
  for (const double top_p : {0.01, 0.3, 0.77, 0.95, 0.999}) {
    settings.top_p = top_p;
    std::vector<float> scores;
    for (uint32_t i = 0; i < 3000; ++i) {
      scores.push_back(static_cast<float>(i * 2654435761u % 1000) / 100);  // with many equals
    }
    std::vector<std::pair<float, int32_t>> sorted;  // the best first; of equals the lower id
    double sum = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      sorted.emplace_back(-scores[i], static_cast<int32_t>(i));
      sum += std::exp(static_cast<double>(scores[i]));
    }
    std::sort(sorted.begin(), sorted.end());
    double mass = 0;
    std::vector<int32_t> expected;
    for (const auto& [score, id] : sorted) {
      if (mass >= top_p) break;
      mass += std::exp(static_cast<double>(-score)) / sum;
      expected.push_back(id);
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(Kept(settings, scores), expected) << top_p;
  }
}

}  // namespace
}  // namespace minnow
