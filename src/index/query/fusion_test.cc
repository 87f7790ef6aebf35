// SPDX-License-Identifier: Apache-2.0
#include "index/query/fusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int64_t> Documents(std::span<const RankedDocument> ranking) {
  std::vector<int64_t> documents;
  for (const RankedDocument& hit : ranking) documents.push_back(hit.document);
  return documents;
}

const std::vector<SemanticHit> kSemantic = {{1, 11, 0.9}, {2, 22, 0.8}, {3, 33, -0.1}};
const std::vector<LexicalHit> kLexical = {{3, 24}, {4, 8}, {1, 2}};

TEST(Fusion, HybridAddsReciprocalRanks) {
  const auto ranking = FuseRankings(kSemantic, kLexical, 0.5);
  // 1: places 1 and 3; 3: places 3 and 1, a worse cosine; then the single ones, 2nd each.
  EXPECT_THAT(Documents(ranking), ElementsAre(1, 3, 2, 4));
  EXPECT_DOUBLE_EQ(ranking[0].score, 61 * (0.5 / 61 + 0.5 / 63));
  EXPECT_DOUBLE_EQ(ranking[2].score, 61 * 0.5 / 62);
  EXPECT_EQ(ranking[0].semantic, 0.9);
  EXPECT_EQ(ranking[0].lexical, 2);
  EXPECT_EQ(ranking[0].chunk, 11);
  EXPECT_FALSE(ranking[2].lexical || ranking[3].semantic || ranking[3].chunk);
}

TEST(Fusion, TheRatioWeighs) {
  EXPECT_THAT(Documents(FuseRankings(kSemantic, kLexical, 0.9)), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(Documents(FuseRankings(kSemantic, kLexical, 0.1)), ElementsAre(3, 1, 4, 2));
  const std::vector<LexicalHit> same = {{1, 5}};
  EXPECT_DOUBLE_EQ(FuseRankings(kSemantic, same, 0.3)[0].score, 1);
}

TEST(Fusion, OneRetrieverAloneShowsItsOwnScore) {
  const auto semantic = FuseRankings(kSemantic, {}, 1);
  EXPECT_THAT(Documents(semantic), ElementsAre(1, 2, 3));
  EXPECT_DOUBLE_EQ(semantic[0].score, 0.9);
  EXPECT_DOUBLE_EQ(semantic[2].score, 0);
  const auto lexical = FuseRankings({}, kLexical, 0);
  EXPECT_THAT(Documents(lexical), ElementsAre(3, 4, 1));
  EXPECT_DOUBLE_EQ(lexical[0].score, 0.75);
  EXPECT_DOUBLE_EQ(lexical[1].score, 0.5);
  EXPECT_THAT(FuseRankings({}, {}, 0.5), IsEmpty());
}

TEST(Fusion, AnyListsGiveATotalOrderWithScoresInRange) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<SemanticHit> semantic;
    std::vector<LexicalHit> lexical;
    std::vector<int64_t> documents(30);
    for (int64_t i = 0; i < 30; ++i) documents[static_cast<size_t>(i)] = i;
    std::shuffle(documents.begin(), documents.end(), random);
    for (size_t i = 0, n = random() % 20; i < n; ++i)
      semantic.push_back({documents[i], 0, 1.0 - static_cast<double>(i / 3) * 0.1});
    std::shuffle(documents.begin(), documents.end(), random);
    for (size_t i = 0, n = random() % 20; i < n; ++i)
      lexical.push_back({documents[i], 30.0 - static_cast<double>(i / 3)});
    const double ratio = static_cast<double>(random() % 11) / 10;
    const auto ranking = FuseRankings(semantic, lexical, ratio);
    for (size_t i = 0; i < ranking.size(); ++i) {
      EXPECT_GE(ranking[i].score, 0);
      EXPECT_LE(ranking[i].score, 1);
      EXPECT_LE(ranking[i].score, ranking[i == 0 ? 0 : i - 1].score);
    }
    EXPECT_EQ(Documents(ranking), Documents(FuseRankings(semantic, lexical, ratio)));
  }
}

TEST(Fusion, RoundingTakesNoCosinePastOne) {
  const std::vector<SemanticHit> hits = {{1, 0, 1.0000001}, {2, 0, -1.0000001}};
  const auto ranking = FuseRankings(hits, {}, 0.5);
  EXPECT_EQ(ranking[0].semantic, 1.0);
  EXPECT_EQ(ranking[1].semantic, -1.0);
}

TEST(Fusion, DropGroupAndPage) {
  auto ranking = FuseRankings(kSemantic, kLexical, 0.5);
  DropBelow(std::nullopt, ranking);
  EXPECT_EQ(ranking.size(), 4u);
  const std::vector<std::optional<std::string>> keys = {"a", std::nullopt, "a", std::nullopt};
  KeepBestOfGroups(keys, ranking);
  EXPECT_THAT(Documents(ranking), ElementsAre(1, 3, 4));
  EXPECT_THAT(Documents(TakePage(ranking, 1, 1)), ElementsAre(3));
  EXPECT_THAT(Documents(TakePage(ranking, 2, SIZE_MAX)), ElementsAre(4));
  EXPECT_THAT(Documents(TakePage(ranking, 3, 10)), IsEmpty());
  EXPECT_THAT(Documents(TakePage(ranking, SIZE_MAX, 10)), IsEmpty());
  DropBelow(0.9, ranking);
  EXPECT_THAT(Documents(ranking), ElementsAre(1, 3));
}

TEST(Fusion, DeeperListsAddBehindWhatWasThere) {
  std::mt19937 random(3);
  std::vector<SemanticHit> semantic;
  std::vector<LexicalHit> lexical;
  std::vector<int64_t> documents(3000);
  for (size_t i = 0; i < documents.size(); ++i) documents[i] = static_cast<int64_t>(i);
  std::shuffle(documents.begin(), documents.end(), random);
  for (size_t i = 0; i < 1500; ++i)
    semantic.push_back({documents[i], 0, 1 - 0.0003 * static_cast<double>(i)});
  std::shuffle(documents.begin(), documents.end(), random);
  for (size_t i = 0; i < 1500; ++i)
    lexical.push_back({documents[i], 900.0 / static_cast<double>(i + 9)});
  const auto first =
      FuseRankings(std::span(semantic).first(200), std::span(lexical).first(200), 0.5);
  const auto second =
      FuseRankings(std::span(semantic).first(1000), std::span(lexical).first(1000), 0.5);
  const auto whole = FuseRankings(semantic, lexical, 0.5);
  ASSERT_GT(second.size(), first.size());
  ASSERT_GT(whole.size(), second.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    if (i < first.size()) EXPECT_EQ(first[i].document, whole[i].document) << i;
    if (i < second.size()) EXPECT_EQ(second[i].document, whole[i].document) << i;
    if (i > 0) EXPECT_LE(whole[i].score, whole[i - 1].score) << i;
  }
}

std::vector<double> Falling(double first_ten, double rest, size_t n) {
  std::vector<double> scores;
  for (size_t i = 0; i < n; ++i)
    scores.push_back((i < 10 ? first_ten : rest) - 0.001 * static_cast<double>(i));
  return scores;
}

TEST(Fusion, TheListThatStandsOutWeighsMore) {
  const auto flat = Falling(1, 0.95, 200), sharp = Falling(2, 0.5, 200);
  EXPECT_EQ(ListWeight(flat, flat, 0.5), 0.5);
  EXPECT_GT(ListWeight(sharp, flat, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(ListWeight(sharp, flat, 0.5), 1 - ListWeight(flat, sharp, 0.5));
  EXPECT_LE(ListWeight(sharp, flat, 0.5), 0.7);
  EXPECT_GE(ListWeight(flat, sharp, 0.1), 0);
  // Units do not matter; what is not known does not move it.
  std::vector<double> scaled = sharp;
  for (double& score : scaled) score = 30 * score + 5;
  EXPECT_NEAR(ListWeight(scaled, flat, 0.5), ListWeight(sharp, flat, 0.5), 1e-12);
  EXPECT_EQ(ListWeight(Falling(2, 0.5, 19), flat, 0.4), 0.4);
  EXPECT_EQ(ListWeight(std::vector<double>(200, 0.7), sharp, 0.4), 0.4);
  EXPECT_EQ(ListWeight(sharp, flat, 0), 0);
  EXPECT_EQ(ListWeight(sharp, flat, 1), 1);
}

TEST(Fusion, PagesNearEachOtherHaveTheSameDepth) {
  EXPECT_EQ(CandidateDepth(200, 0, 10), CandidateDepth(200, 190, 10));
  EXPECT_GE(CandidateDepth(200, 190, 20), 210u);
  EXPECT_GE(CandidateDepth(200, 10'000, 20), 10'020u);
  EXPECT_GT(CandidateDepth(200, SIZE_MAX, SIZE_MAX), SIZE_MAX / 10);
}

}  // namespace
}  // namespace minnow
