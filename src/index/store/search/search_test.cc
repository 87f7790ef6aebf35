// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class StoreSearchTest : public StoreTesting {
 protected:
  void SetUp() override {
    StoreTesting::SetUp();
    store_ = Open();
    index_ = MakeIndex(store_.get());
    const std::vector<Document> documents = {
        Make(R"({"id":"ant","text":"small red insect","lang":"go","stars":1})"),
        Make(R"({"id":"bee","text":"small yellow insect","lang":"c","stars":2})"),
        Make(R"({"id":"cat","text":"furry red pet","lang":"go","stars":3})"),
        Make(R"({"id":"dog","text":"furry brown pet","lang":"c","stars":4,"deep":{"a":1,"b":2}})"),
    };
    ASSERT_TRUE(index_->Add(documents).ok());
    EmbedAll(index_.get());
  }

  SearchRequest Lexically(const std::string& text) {
    SearchRequest request;
    request.text = text;
    request.semantic_ratio = 0;
    return request;
  }

  std::unique_ptr<Store> store_;
  std::shared_ptr<SearchIndex> index_;
};

TEST_F(StoreSearchTest, HybridNamesBothScores) {
  SearchRequest request;
  request.text = "red insect";
  request.vector = VectorOf("furry brown pet");
  const auto answer = index_->Search(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  ASSERT_EQ(answer->hits.size(), 4u);
  EXPECT_EQ(answer->estimated_total, 4u);
  for (const SearchHit& hit : answer->hits) {
    EXPECT_TRUE(hit.semantic_score.has_value());
    EXPECT_EQ(hit.lexical_score.has_value(), hit.id != "dog");
    EXPECT_EQ(hit.chunk_begin, 0u);
    EXPECT_GT(hit.chunk_end, 0u);
    EXPECT_GE(hit.score, 0);
    EXPECT_LE(hit.score, 1);
  }
}

TEST_F(StoreSearchTest, PassagesOfTheFirstHits) {
  Document four =
      Make(R"({"id":"elk","text":"one elk here. nothing at all. an elk with horns. end"})");
  four.chunks = {{0, 13}, {14, 29}, {30, 48}, {40, 52}};
  ASSERT_TRUE(index_->Add(std::vector<Document>{four}).ok());
  SearchRequest request = Lexically("elk horns");
  request.passages = 1;
  // By words alone: where most of them stand; of equal ones, the first.
  auto answer = index_->Search(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  ASSERT_EQ(answer->hits.size(), 1u);
  EXPECT_EQ(answer->hits[0].passage, "an elk with horns.");
  EXPECT_EQ(answer->hits[0].chunk_begin, 30u);
  request.passages = 0;
  answer = index_->Search(request);
  EXPECT_EQ(answer->hits[0].passage, "");
  EXPECT_EQ(answer->hits[0].chunk_begin, 0u);
  // By a vector: its own.
  EmbedAll(index_.get());
  SearchRequest semantic;
  semantic.text = "elk horns";
  semantic.vector = VectorOf("nothing at all.");
  semantic.semantic_ratio = 1;
  semantic.passages = 2;
  answer = index_->Search(semantic);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  ASSERT_EQ(answer->hits.size(), 5u);
  EXPECT_EQ(answer->hits[0].passage, "nothing at all.");
  EXPECT_NE(answer->hits[1].passage, "");
  EXPECT_EQ(answer->hits[2].passage, "");
  // They count as what an answer holds.
  semantic.snippet_bytes = 0;
  semantic.attributes_given = true;
  semantic.max_bytes = 20;
  EXPECT_FALSE(index_->Search(semantic).ok());
}

TEST_F(StoreSearchTest, FiltersReachBothRetrievers) {
  SearchRequest request = Lexically("insect pet");
  request.filter = "stars >= 2 AND lang = \"c\"";
  EXPECT_THAT(IdsOf(index_->Search(request)), UnorderedElementsAre("bee", "dog"));
  request.text.clear();
  request.vector = VectorOf("small red insect");
  request.semantic_ratio = 1;
  EXPECT_THAT(IdsOf(index_->Search(request)), UnorderedElementsAre("bee", "dog"));
  request.filter = "lang = \"rust\"";
  EXPECT_THAT(IdsOf(index_->Search(request)), IsEmpty());
  request.filter = "lang =";
  const auto bad = index_->Search(request);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, Code::kInvalidArgument);
  EXPECT_THAT(bad.error().message, HasSubstr("filter: "));
  // Documents that came after the filter was used first.
  request.filter = "lang = \"c\"";
  ASSERT_TRUE(index_->Add(std::vector{Make(R"({"id":"eel","text":"wet fish","lang":"c"})")}).ok());
  EmbedAll(index_.get());
  EXPECT_THAT(IdsOf(index_->Search(request)), UnorderedElementsAre("bee", "dog", "eel"));
  ASSERT_TRUE(index_->Delete(std::vector<std::string>{"bee"}).ok());
  EXPECT_THAT(IdsOf(index_->Search(request)), UnorderedElementsAre("dog", "eel"));
  const auto page = index_->List("lang = \"c\"", 1, 10);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->total, 2u);
  ASSERT_EQ(page->documents.size(), 1u);
  EXPECT_EQ(page->documents[0].id, "eel");
}

TEST_F(StoreSearchTest, DeletesByFilter) {
  EXPECT_EQ(index_->DeleteWhere("").error().code, Code::kInvalidArgument);
  EXPECT_EQ(index_->DeleteWhere(" \n").error().code, Code::kInvalidArgument);
  EXPECT_EQ(index_->DeleteWhere("nonsense").error().code, Code::kInvalidArgument);
  const auto deleted = index_->DeleteWhere("stars < 3");
  ASSERT_TRUE(deleted.ok()) << deleted.error().message;
  EXPECT_EQ(deleted->deleted, 2u);
  EXPECT_EQ(index_->Stats()->documents, 2u);
  EXPECT_THAT(IdsOf(index_->Search(Lexically("insect pet"))), UnorderedElementsAre("cat", "dog"));
  EXPECT_EQ(index_->DeleteWhere("stars < 3")->deleted, 0u);
}

TEST_F(StoreSearchTest, NothingToLookForListsEverything) {
  SearchRequest request;
  request.limit = 2;
  request.offset = 1;
  auto answer = index_->Search(request);
  EXPECT_THAT(IdsOf(answer), ElementsAre("bee", "cat"));
  EXPECT_EQ(answer->estimated_total, 4u);
  request.filter = "lang = \"go\"";
  answer = index_->Search(request);
  EXPECT_THAT(IdsOf(answer), ElementsAre("cat"));
  EXPECT_EQ(answer->estimated_total, 2u);
  request.filter.clear();
  request.facets = {"lang"};
  answer = index_->Search(request);
  EXPECT_THAT(answer->facets.at("lang"), UnorderedElementsAre(Pair("go", 2), Pair("c", 2)));
  request.offset = std::numeric_limits<size_t>::max();
  request.limit = std::numeric_limits<size_t>::max();
  EXPECT_THAT(IdsOf(index_->Search(request)), IsEmpty());
  request.offset = 0;
  EXPECT_EQ(index_->Search(request)->hits.size(), 4u);
}

TEST_F(StoreSearchTest, FacetsAndGroups) {
  SearchRequest request = Lexically("red");
  request.facets = {"lang", "stars"};
  auto answer = index_->Search(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_THAT(answer->facets.at("lang"), ElementsAre(Pair("go", 2)));
  EXPECT_THAT(answer->facets.at("stars"), UnorderedElementsAre(Pair("1", 1), Pair("3", 1)));
  request = Lexically("furry small");
  request.group_by = "lang";
  EXPECT_EQ(index_->Search(request)->hits.size(), 2u);
}

// Page by page each document comes once; totals and facets are of the same documents on every page.
TEST_F(StoreSearchTest, PagesAreOfOneRanking) {
  ASSERT_TRUE(index_->Delete(std::vector<std::string>{"ant", "bee", "cat", "dog"}).ok());
  std::vector<Document> documents;
  for (int i = 0; i < 700; ++i) {
    documents.push_back(Make(R"({"id":"n)" + std::to_string(i) + R"(","text":"w)" +
                             std::to_string(i % 7) + " word" + std::to_string(i % 3) + " number" +
                             std::to_string(i) + R"(","third":)" + std::to_string(i % 3) + "}"));
  }
  ASSERT_TRUE(index_->Add(documents).ok());
  EmbedAll(index_.get());
  for (const auto& [ratio, exact, facets] : {std::tuple(0.0, true, true),
                                             {0.5, true, true},
                                             {1.0, true, true},
                                             {0.5, false, true},
                                             {1.0, false, true},
                                             {1.0, false, false},
                                             {1.0, true, false}}) {
    SearchRequest request;
    request.text = "word1 number77";
    request.vector = VectorOf("w3 word2 number5");
    request.semantic_ratio = ratio;
    if (facets) request.facets = {"third"};
    request.exact = exact;
    std::set<std::string> seen;
    std::optional<size_t> total;
    for (request.offset = 0; request.offset < 700; request.offset += 50) {
      request.limit = 50;
      const auto answer = index_->Search(request);
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      for (const SearchHit& hit : answer->hits) EXPECT_TRUE(seen.insert(hit.id).second) << hit.id;
      EXPECT_EQ(answer->estimated_total, total.value_or(answer->estimated_total));
      total = answer->estimated_total;
      size_t counted = 0;
      for (const auto& [field, values] : answer->facets)
        for (const auto& [value, count] : values) counted += count;
      if (facets) EXPECT_EQ(counted, *total);
    }
    EXPECT_EQ(seen.size(), *total) << ratio;
  }
}

// With a least score and with groups too: all pages show what the total says, and no more.
TEST_F(StoreSearchTest, TotalsHoldWithMinScoreAndGroups) {
  std::vector<Document> documents;
  for (int i = 0; i < 900; ++i) {
    documents.push_back(Make(R"({"id":)" + std::to_string(i) + R"(,"text":"word)" +
                             std::string(i % 5 == 0 ? " rare" : "") + R"(","group":)" +
                             std::to_string(i < 890 ? 0 : i) + "}"));
  }
  ASSERT_TRUE(index_->Add(documents).ok());
  EmbedAll(index_.get());
  for (const double ratio : {0.0, 0.5, 1.0}) {
    SearchRequest request;
    request.text = "word rare";
    request.vector = VectorOf("word rare");
    request.semantic_ratio = ratio;
    request.facets = {"group"};
    request.limit = 100;
    const auto last = index_->Search(request);
    ASSERT_TRUE(last.ok());
    request.min_score = last->hits.back().score;
    std::optional<size_t> total;
    size_t seen = 0;
    for (request.offset = 0; request.offset < 1'000; request.offset += 100) {
      const auto answer = index_->Search(request);
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      seen += answer->hits.size();
      EXPECT_EQ(answer->estimated_total, total.value_or(answer->estimated_total)) << ratio;
      total = answer->estimated_total;
      size_t counted = 0;
      for (const auto& [value, count] : answer->facets.at("group")) counted += count;
      EXPECT_EQ(counted, *total) << ratio;
    }
    EXPECT_EQ(seen, *total) << ratio;
  }
  SearchRequest request = Lexically("word");
  request.group_by = "group";
  request.limit = 100;
  EXPECT_EQ(index_->Search(request)->hits.size(), 11u) << "groups of all that was found";
}

TEST_F(StoreSearchTest, FacetsTellNumbersFromStrings) {
  ASSERT_TRUE(index_
                  ->Add(std::vector{Make(R"({"id":"1","text":"mixed","n":5,"b":true})"),
                                    Make(R"({"id":"2","text":"mixed","n":5.0,"b":"true"})"),
                                    Make(R"({"id":"3","text":"mixed","n":"5","b":"false"})"),
                                    Make(R"({"id":"4","text":"mixed","n":["6",50e-1]})"),
                                    Make(R"({"id":"5","text":"mixed","n":"\"5\""})")})
                  .ok());
  SearchRequest request = Lexically("mixed");
  request.facets = {"n", "b"};
  const auto answer = index_->Search(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_THAT(answer->facets.at("n"), UnorderedElementsAre(Pair("5", 3), Pair("\"5\"", 1),
                                                           Pair("6", 1), Pair(R"("\"5\"")", 1)));
  EXPECT_THAT(answer->facets.at("b"),
              UnorderedElementsAre(Pair("true", 1), Pair("\"true\"", 1), Pair("false", 1)));
}

TEST_F(StoreSearchTest, AttributesSnippetsAndScores) {
  SearchRequest request = Lexically("brown");
  request.attributes_given = true;
  request.attributes = {"stars", "deep.b", "nothing"};
  auto answer = index_->Search(request);
  ASSERT_EQ(answer->hits.size(), 1u);
  EXPECT_EQ(answer->hits[0].json, R"({"stars":4,"deep":{"b":2}})");
  EXPECT_EQ(answer->hits[0].snippet, "furry <em>brown</em> pet");
  request.highlight = false;
  EXPECT_EQ(index_->Search(request)->hits[0].snippet, "furry brown pet");
  request.snippet_bytes = 0;
  EXPECT_EQ(index_->Search(request)->hits[0].snippet, "");
  request.min_score = 1.0;
  EXPECT_THAT(IdsOf(index_->Search(request)), IsEmpty());
}

TEST_F(StoreSearchTest, SimilarBeforeAndAfterEmbedding) {
  SearchRequest request;
  request.filter = "lang = \"go\"";
  EXPECT_THAT(IdsOf(index_->Similar("ant", request)), ElementsAre("cat"));
  request.filter.clear();
  ASSERT_TRUE(index_->Add(std::vector{Make(R"({"id":"fox","text":"brown furry animal"})")}).ok());
  EXPECT_THAT(IdsOf(index_->Similar("fox", request)), ElementsAre("dog", "cat"));
  ASSERT_TRUE(index_->Add(std::vector{Make(R"({"id":"void"})")}).ok());
  EXPECT_THAT(IdsOf(index_->Similar("void", request)), IsEmpty());
  EXPECT_EQ(index_->Similar("nobody", request).error().code, Code::kNotFound);
}

TEST_F(StoreSearchTest, BadNumbersAreRefused) {
  SearchRequest request = Lexically("red");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double ratio : {-0.1, 1.1, nan}) {
    request.semantic_ratio = ratio;
    EXPECT_EQ(index_->Search(request).error().code, Code::kInvalidArgument);
  }
  request.semantic_ratio = 1;
  request.vector = {1, 2};
  EXPECT_EQ(index_->Search(request).error().code, Code::kInvalidArgument);
  request.vector = {1, 2, 3, std::numeric_limits<float>::infinity()};
  EXPECT_EQ(index_->Search(request).error().code, Code::kInvalidArgument);
}

TEST_F(StoreSearchTest, VerifiesWhatIsWhole) {
  uint64_t calls = 0;
  const Status status = store_->Verify([&](uint64_t, uint64_t) { return ++calls > 0; });
  EXPECT_TRUE(status.ok()) << status.error().message;
  EXPECT_GT(calls, 0u);
  EXPECT_EQ(store_->Verify([](uint64_t, uint64_t) { return false; }).error().code, Code::kDeadline);
}

TEST_F(StoreSearchTest, TextWithoutWordsFindsNothing) {
  for (const char* text : {"\"", "*", "%", "(", "~", "\xF0\x9F\x90\x9F"}) {
    SearchRequest request = Lexically(text);
    request.facets = {"lang"};
    auto answer = index_->Search(request);
    EXPECT_THAT(IdsOf(answer), IsEmpty()) << text;
    EXPECT_EQ(answer->estimated_total, 0u);
    EXPECT_THAT(answer->facets.at("lang"), IsEmpty());
    request.filter = "stars > 1";
    EXPECT_THAT(IdsOf(index_->Search(request)), IsEmpty()) << text;
  }
  EXPECT_EQ(IdsOf(index_->Search(Lexically(" \n\t"))).size(), 4u);
}

TEST_F(StoreSearchTest, ADocumentIsNotCountedAmongItsLike) {
  SearchRequest request;
  request.facets = {"lang"};
  auto answer = index_->Similar("ant", request);
  EXPECT_EQ(IdsOf(answer).size(), 3u);
  EXPECT_EQ(answer->estimated_total, 3u);
  EXPECT_THAT(answer->facets.at("lang"), UnorderedElementsAre(Pair("go", 1), Pair("c", 2)));
  request.filter = "stars >= 2";
  EXPECT_EQ(index_->Similar("ant", request)->estimated_total, 3u);
  request.filter = "stars < 3";
  EXPECT_EQ(index_->Similar("ant", request)->estimated_total, 1u);
  // By its words, until it has a vector.
  request.filter.clear();
  ASSERT_TRUE(
      index_->Add(std::vector{Make(R"({"id":"elk","text":"brown insect","lang":"c"})")}).ok());
  answer = index_->Similar("elk", request);
  EXPECT_EQ(IdsOf(answer).size(), 3u);
  EXPECT_EQ(answer->estimated_total, 3u);
  EXPECT_THAT(answer->facets.at("lang"), UnorderedElementsAre(Pair("go", 1), Pair("c", 2)));
}

TEST_F(StoreSearchTest, WhatMinScoreLeavesOutIsNotCounted) {
  SearchRequest request = Lexically("red insect");
  request.facets = {"lang"};
  const auto all = index_->Search(request);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->hits.size(), 3u);
  request.min_score = all->hits[0].score;
  auto answer = index_->Search(request);
  EXPECT_THAT(IdsOf(answer), ElementsAre("ant"));
  EXPECT_EQ(answer->estimated_total, 1u);
  EXPECT_THAT(answer->facets.at("lang"), ElementsAre(Pair("go", 1)));
  request.min_score = 0;
  EXPECT_EQ(index_->Search(request)->estimated_total, 3u);
  request = {};
  request.vector = VectorOf("small red insect");
  request.semantic_ratio = 1;
  request.min_score = 0.999;
  answer = index_->Search(request);
  EXPECT_THAT(IdsOf(answer), ElementsAre("ant"));
  EXPECT_EQ(answer->estimated_total, 1u);
}

}  // namespace
}  // namespace minnow
