// SPDX-License-Identifier: Apache-2.0
#include "eval/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "eval/metrics.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

class CollectionTest : public testing::Test {
 protected:
  CollectionTest() {
    directory_ = std::filesystem::path(testing::TempDir()) /
                 ("minnow_collection_" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ / "qrels");
  }
  ~CollectionTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  Result<TestCollection> Read() { return ReadCollection({directory_.string()}); }
  std::string Failure() {
    const auto collection = Read();
    EXPECT_FALSE(collection.ok());
    std::string message = collection.ok() ? "" : collection.error().message;
    if (message.starts_with(directory_.string())) message.erase(0, directory_.string().size());
    return message;
  }

  std::filesystem::path directory_;
};

constexpr char kSmartDocuments[] =
    ".I 1\n.T\nA title\nin two lines\n.A\nSomebody\n.W\n  First\n.Xylophones are no mark\n.X\n1 2 "
    "3\n"
    ".I 2\n.W\nSecond caf\xE9 and caf\xC3\xA9\n.I\n";
constexpr char kSmartQueries[] =
    ".I 01\n.W\nfirst?\n.I 02\n.T\nsecond?\n.I 03\n.W\nnobody judged\n";

TEST_F(CollectionTest, ReadsSmart) {
  Write("X.ALL", kSmartDocuments);
  Write("X.QRY", kSmartQueries);
  Write("X.REL", "     1      1\t0\t0.000000\n 2 2 0 0.0\n 2 99 0 0.0\n");
  Write("SOURCE.txt", "not a part");
  const auto collection = Read();
  ASSERT_TRUE(collection.ok()) << collection.error().message;
  ASSERT_EQ(collection->documents.size(), 2u);
  EXPECT_EQ(collection->documents[0].title, "A title in two lines");
  EXPECT_EQ(collection->documents[0].text, "First\n.Xylophones are no mark");
  EXPECT_EQ(collection->documents[1].text, "Second café and café");
  ASSERT_EQ(collection->queries.size(), 2u);
  EXPECT_EQ(collection->queries[1].text, "second?");
  EXPECT_EQ(collection->unjudged_queries, 1u);
  EXPECT_THAT(collection->judgements.at("2"), UnorderedElementsAre(Pair("2", 1)));
}

TEST_F(CollectionTest, JudgementsMayCountQueriesByPlace) {
  Write("cran.all.1400", kSmartDocuments);
  Write("cran.qry", ".I 001\n.W\na\n.I 004\n.W\nb\n");
  Write("cranqrel", "1 2 3\n2 1 -1\n2 2 1\n");
  const auto collection = Read();
  ASSERT_TRUE(collection.ok()) << collection.error().message;
  EXPECT_EQ(collection->queries[1].id, "2");
  EXPECT_THAT(collection->judgements.at("2"), UnorderedElementsAre(Pair("2", 1)));
}

TEST_F(CollectionTest, ReadsBeir) {
  Write("corpus.jsonl",
        "{\"_id\": \"d1\", \"title\": \"T\", \"text\": \"one\"}\n\n{\"_id\": \"d2\", \"text\": "
        "\"two\"}\n");
  Write("queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"ask\", \"metadata\": {}}\n{\"_id\": 7, \"text\": \"x\"}\n");
  Write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n7\td2\t1\n");
  Write("qrels/train.tsv", "nothing to see");
  const auto collection = Read();
  ASSERT_TRUE(collection.ok()) << collection.error().message;
  EXPECT_EQ(collection->documents[0].title, "T");
  EXPECT_THAT(collection->judgements.at("q1"), UnorderedElementsAre(Pair("d1", 2)));
  EXPECT_EQ(collection->queries.size(), 2u);
}

TEST_F(CollectionTest, ReadsTrecJudgementsAndFilesByName) {
  const std::string documents = Write("my.all", kSmartDocuments);
  const std::string queries = Write("my.qry", kSmartQueries);
  const std::string judgements = Write("my.rel", "1 0 2 1\n2 0 1 0\n");
  const auto collection = ReadCollection({judgements, documents, queries});
  ASSERT_TRUE(collection.ok()) << collection.error().message;
  EXPECT_THAT(collection->judgements.at("1"), UnorderedElementsAre(Pair("2", 1)));
  EXPECT_EQ(collection->judgements.size(), 1u);
}

TEST_F(CollectionTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(Failure(), ": no file of documents (corpus.jsonl, NAME.ALL)");
  Write("X.ALL", "text before\n.I 1\n");
  Write("X.QRY", kSmartQueries);
  EXPECT_EQ(Failure(), ": no file of judgements (qrels.tsv, NAME.REL)");
  Write("X.REL", "1 1 1\n");
  EXPECT_TRUE(Failure().starts_with("/X.ALL: line 1: not valid JSON"));
  Write("X.ALL", ".I 1\n.W\na\n.I 01\n.W\nb\n");
  EXPECT_EQ(Failure(), "/X.ALL: document \"1\" is there twice");
  Write("X.ALL", kSmartDocuments);
  Write("X.REL", "1 1 1\n1 x\n");
  EXPECT_EQ(Failure(), "/X.REL: line 2: expected query, document and grade, or as TREC has it");
  Write("X.REL", "9 1 1\n");
  EXPECT_TRUE(Failure().starts_with("/X.REL: no query is answered")) << Failure();
  Write("Y.REL", "1 1 1\n");
  EXPECT_TRUE(Failure().find("is of the same kind as") != std::string::npos);
  EXPECT_FALSE(ReadCollection({"a.txt", "b.qry", "c.rel"}).ok());
  EXPECT_FALSE(ReadCollection({}).ok());
}

TEST(Collection, ReadsCisi) {
  const char* data = std::getenv("MINNOW_DATA");
  const std::string directory = std::string(data != nullptr ? data : "../shared/data") + "/ir_cisi";
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << directory << " is not there";
  const auto collection = ReadCollection({directory});
  ASSERT_TRUE(collection.ok()) << collection.error().message;
  EXPECT_EQ(collection->documents.size(), 1'460u);
  EXPECT_EQ(collection->queries.size(), 76u);
  EXPECT_EQ(collection->unjudged_queries, 36u);
}

TEST(Metrics, NdcgAndRecall) {
  const TestCollection::Judgements judgements = {{"a", 1}, {"b", 2}, {"c", 1}};
  const std::vector<std::string> best = {"b", "a", "c", "x"};
  EXPECT_DOUBLE_EQ(Ndcg(best, judgements, 10), 1);
  const std::vector<std::string> other = {"x", "a", "y", "b"};
  const double ideal = 2 + 1 / std::log2(3) + 0.5;
  EXPECT_DOUBLE_EQ(Ndcg(other, judgements, 10), (1 / std::log2(3) + 2 / std::log2(5)) / ideal);
  EXPECT_DOUBLE_EQ(Ndcg(other, judgements, 2), (1 / std::log2(3)) / (2 + 1 / std::log2(3)));
  EXPECT_DOUBLE_EQ(Recall(other, judgements, 100), 2.0 / 3);
  EXPECT_DOUBLE_EQ(Recall(other, judgements, 2), 1.0 / 3);
  EXPECT_EQ(Ndcg({}, judgements, 10), 0);
  EXPECT_EQ(Ndcg(other, {}, 10), 0);
  EXPECT_EQ(Recall(other, {}, 10), 0);
}

}  // namespace
}  // namespace minnow
