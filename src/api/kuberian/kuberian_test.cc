// SPDX-License-Identifier: Apache-2.0
// Tests of Kuberian's numbers, scores, documents and catalogue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "api/kuberian/function_json.h"
#include "index/store/store.h"
#include "serving/kuberian/catalog.h"

namespace minnow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Kuberian, ScoresAsRustPrintsThem) {
  const std::pair<float, const char*> cases[] = {{1.0f, "1.0"},       {0.0f, "0.0"},
                                                 {-0.25f, "-0.25"},   {0.6294104f, "0.6294104"},
                                                 {0.1f, "0.1"},       {0.99999994f, "0.99999994"},
                                                 {1e-6f, "0.000001"}, {1.5e-7f, "1.5e-7"},
                                                 {-2e-12f, "-2e-12"}, {0.33333334f, "0.33333334"}};
  for (const auto& [score, text] : cases) EXPECT_EQ(FormatScore(score), text);
}

TEST(Kuberian, FunctionIds) {
  uint64_t id = 0;
  EXPECT_TRUE(ParseFunctionId("100000000", id));
  EXPECT_EQ(id, 100000000u);
  EXPECT_TRUE(ParseFunctionId("007", id));
  EXPECT_EQ(id, 7u);
  EXPECT_TRUE(ParseFunctionId("18446744073709551615", id));
  for (const char* wrong : {"", "+", "-1", "1.0", "abc", "1a", " 1", "18446744073709551616"}) {
    EXPECT_FALSE(ParseFunctionId(wrong, id)) << wrong;
  }
}

TEST(Kuberian, DocumentsKeepTheirShape) {
  const auto write = [](const char* text, bool extra) {
    const auto document = JsonDocument::Parse(text, "");
    std::string out;
    JsonWriter json(&out);
    WriteFunction(7, document->root(), extra, json);
    return out;
  };
  EXPECT_EQ(write(R"({"id":"7","opinion":"o","code":"c","name":"n","signature":"s","file":"f",)"
                  R"("line":{"end":9,"start":3},"summary":"u","comment":null})",
                  true),
            R"({"id":7,"name":"n","signature":"s","file":"f","line":{"start":3,"end":9},)"
            R"("summary":"u","extra":{"code":"c","background":null,"analysis":null,)"
            R"("purpose":null,"comment":null,"opinion":"o"}})");
  // Other documents than Kuberian's have the same fields.
  EXPECT_EQ(write(R"({"text":"x","line":7,"summary":5,"name":["n"]})", false),
            R"({"id":7,"name":"","signature":"","file":"","line":{"start":0,"end":0},)"
            R"("summary":null,"extra":null})");
}

class Catalogue : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("kuberian-catalogue" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    store_ = std::move(Store::Open((folder_ / "my.db").string(), {}).value());
    index_ = store_->CreateIndex("functions", {.text_fields = {"summary"}}).value();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Add(const std::string& id, const std::string& file, bool analyzed) {
    const std::string json = R"({"id":")" + id + R"(","file":")" + file + R"(","summary":)" +
                             (analyzed ? "\"s\"" : "null") + "}";
    const auto document = MakeDocument(index_->settings(), json);
    ASSERT_TRUE(document.ok()) << document.error().message;
    ASSERT_TRUE(index_->Add({&*document, 1}).ok());
  }

  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<SearchIndex> index_;
};

TEST_F(Catalogue, FilesAndPagesInTheOrderOfNumbers) {
  for (const auto& [id, file] : {std::pair("30", "b/x.go"),
                                 {"4", "b/x.go"},
                                 {"5", "a/*.go"},
                                 {"20", "a/[1].go"},
                                 {"x", "z.go"},
                                 {"007", "z.go"}}) {
    Add(id, file, false);
  }
  const auto catalog = KuberianCatalog::Make(*index_);
  ASSERT_TRUE(catalog.ok());
  EXPECT_EQ(catalog->total(), 4u);
  EXPECT_EQ(catalog->analyzed(), 0u);
  EXPECT_THAT(catalog->files(), ElementsAre("b/x.go", "a/*.go", "a/[1].go"));
  EXPECT_THAT(catalog->InFiles("", 0, 10), ElementsAre(4, 5, 20, 30));
  EXPECT_THAT(catalog->InFiles("", 1, 2), ElementsAre(5, 20));
  EXPECT_THAT(catalog->InFiles("a/", 0, 10), ElementsAre(5, 20));
  EXPECT_THAT(catalog->InFiles("a/*", 0, 10), ElementsAre(5));
  EXPECT_THAT(catalog->InFiles("a/[1]", 0, 10), ElementsAre(20));
  EXPECT_THAT(catalog->InFiles("?", 0, 10), IsEmpty());
  EXPECT_THAT(catalog->InFiles("", UINT64_MAX, UINT64_MAX), IsEmpty());
  EXPECT_THAT(catalog->InFiles("", 0, 0), IsEmpty());
}

TEST_F(Catalogue, SamplesAreByChance) {
  for (int i = 0; i < 30; ++i) Add(std::to_string(i), "f", i % 2 == 0);
  const auto catalog = KuberianCatalog::Make(*index_);
  ASSERT_TRUE(catalog.ok());
  EXPECT_EQ(catalog->analyzed(), 15u);
  std::mt19937_64 random(1);
  std::map<uint64_t, int> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto sample = catalog->Sample(10, random);
    ASSERT_EQ(sample.size(), 10u);
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    EXPECT_EQ(std::set(sample.begin(), sample.end()).size(), 10u);
    for (const uint64_t id : sample) ++seen[id];
  }
  EXPECT_EQ(seen.size(), 15u);
  for (const auto& [id, count] : seen) {
    EXPECT_EQ(id % 2, 0u);
    EXPECT_NEAR(count, 667, 100) << id;
  }
  EXPECT_EQ(catalog->Sample(100, random).size(), 15u);
}

TEST_F(Catalogue, FollowsChanges) {
  for (const char* id : {"1", "2", "3"}) Add(id, "a.go", true);
  const auto first = KuberianCatalog::Make(*index_);
  ASSERT_TRUE(first.ok());
  Add("4", "b.go", true);
  Add("2", "c.go", false);  // replaced
  Add("x", "z.go", true);   // no function
  ASSERT_TRUE(index_->Delete(std::vector<std::string>{"1"}).ok());
  const auto followed = KuberianCatalog::Make(*index_, &*first);
  const auto anew = KuberianCatalog::Make(*index_);
  for (const auto* catalog : {&followed, &anew}) {
    ASSERT_TRUE(catalog->ok());
    EXPECT_EQ((*catalog)->total(), 3u);
    EXPECT_EQ((*catalog)->analyzed(), 2u);
    EXPECT_THAT((*catalog)->files(), ElementsAre("c.go", "a.go", "b.go"));
    EXPECT_THAT((*catalog)->InFiles("", 0, 10), ElementsAre(2, 3, 4));
  }
  EXPECT_THAT(first->InFiles("", 0, 10), ElementsAre(1, 2, 3));
}

TEST_F(Catalogue, NothingAtAll) {
  const auto catalog = KuberianCatalog::Make(*index_);
  ASSERT_TRUE(catalog.ok());
  std::mt19937_64 random(1);
  EXPECT_THAT(catalog->Sample(10, random), IsEmpty());
  EXPECT_THAT(catalog->InFiles("", 0, 10), IsEmpty());
  EXPECT_THAT(catalog->files(), IsEmpty());
}

}  // namespace
}  // namespace minnow::api
