// SPDX-License-Identifier: Apache-2.0
#include "serving/rerank_stage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <variant>

namespace minnow {
namespace {

SearchRequest Page(size_t offset, size_t limit) {
  SearchRequest page;
  page.text = "q";
  page.offset = offset;
  page.limit = limit;
  return page;
}

// Hits a, b, c, ...; the first `top_n` have their ids as passages, but for those of `without`.
SearchAnswer Found(size_t count, size_t top_n, const std::string& without = "") {
  SearchAnswer answer;
  for (size_t i = 0; i < count; ++i) {
    SearchHit& hit = answer.hits.emplace_back();
    hit.id = std::string(1, static_cast<char>('a' + i));
    if (i < top_n && without.find(hit.id) == without.npos) hit.passage = "passage " + hit.id;
  }
  return answer;
}

std::string Order(const SearchAnswer& answer) {
  std::string ids;
  for (const SearchHit& hit : answer.hits) ids += hit.id;
  return ids;
}

TEST(RerankStage, OnlyPagesThatItMayChange) {
  EXPECT_TRUE(WantsRerank(Page(0, 1), 1));
  EXPECT_TRUE(WantsRerank(Page(49, 10), 50));
  EXPECT_FALSE(WantsRerank(Page(50, 10), 50));
  EXPECT_FALSE(WantsRerank(Page(0, 0), 50));
  SearchRequest blank = Page(0, 10);
  blank.text = " \n";
  EXPECT_FALSE(WantsRerank(blank, 50));
}

TEST(RerankStage, WindowHoldsPageAndFirstHits) {
  const SearchRequest narrow = RerankWindow(Page(3, 4), 50);
  EXPECT_EQ(narrow.offset, 0u);
  EXPECT_EQ(narrow.limit, 50u);
  EXPECT_EQ(narrow.passages, 50u);
  const SearchRequest wide = RerankWindow(Page(3, 400), 50);
  EXPECT_EQ(wide.limit, 403u);
  EXPECT_EQ(wide.passages, 50u);
}

TEST(RerankStage, PairsOfQueryAndPassage) {
  const auto pairs = RerankPairs(Page(0, 4), Found(4, 3, "b"));
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(std::get<TextPair>(pairs[1]).first, "q");
  EXPECT_EQ(std::get<TextPair>(pairs[1]).second, "passage c");
}

TEST(RerankStage, FirstHitsByScoreAndTheRestAsItWas) {
  SearchAnswer answer = Found(6, 4);
  ApplyRerank(Page(0, 6), 4, std::vector<float>{-1, 2, 30, 31}, answer);
  // Raw scores, not their sigmoids, of which the last two are both 1.
  EXPECT_EQ(Order(answer), "dcbaef");
  EXPECT_EQ(answer.hits[0].rerank_score, 1.0);
  EXPECT_NEAR(*answer.hits[3].rerank_score, 1 / (1 + std::exp(1.0)), 1e-7);
  EXPECT_FALSE(answer.hits[4].rerank_score.has_value());
  EXPECT_EQ(answer.hits[0].passage, "");
}

TEST(RerankStage, PagesAreCutFromOneOrder) {
  std::string all;
  for (size_t offset = 0; offset < 8; offset += 2) {
    SearchAnswer answer = Found(7, 5);
    ApplyRerank(Page(offset, 2), 5, std::vector<float>{1, 2, 3, 4, 5}, answer);
    all += Order(answer);
  }
  EXPECT_EQ(all, "edcbafg");
}

TEST(RerankStage, TiesAndHitsWithoutText) {
  SearchAnswer answer = Found(6, 5, "ad");
  ApplyRerank(Page(0, 6), 5, std::vector<float>{-7, 3, -7}, answer);
  // Those without come behind the scored ones, before what was not looked at.
  EXPECT_EQ(Order(answer), "cbeadf");
  EXPECT_FALSE(answer.hits[3].rerank_score.has_value());
  SearchAnswer none;
  ApplyRerank(Page(0, 6), 5, {}, none);
  EXPECT_TRUE(none.hits.empty());
}

}  // namespace
}  // namespace minnow
