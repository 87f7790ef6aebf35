// SPDX-License-Identifier: Apache-2.0
// Searches by words in many languages, through the whole store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "formats/json.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class LanguagesTest : public StoreTesting {
 protected:
  void SetUp() override {
    StoreTesting::SetUp();
    store_ = Open();
    index_ = MakeIndex(store_.get());
  }

  // Documents 1, 2, ...
  void Add(const std::vector<std::string>& texts) {
    std::vector<Document> documents;
    int number = 0;
    for (const std::string& text : texts) documents.push_back(Make(++number, text));
    ASSERT_TRUE(index_->Add(documents).ok());
  }
  std::vector<std::string> Find(const std::string& text) { return Lexical(*index_, text); }
  std::vector<std::string> FindPrefix(const std::string& text) {
    SearchRequest request;
    request.text = text;
    request.semantic_ratio = 0;
    request.prefix = true;
    return IdsOf(index_->Search(request));
  }

  std::unique_ptr<Store> store_;
  std::shared_ptr<SearchIndex> index_;
};

TEST_F(LanguagesTest, Korean) {
  Add({"대한민국은 민주공화국이다", "대한항공 여객기", "민국이라는 사람", "대한민국 헌법",
       "새로운 AI를 배운다", "iPhone은 비싸다", "백두산에 올랐다"});
  EXPECT_THAT(Find("민국"), UnorderedElementsAre("1", "3", "4"));
  const auto found = Find("대한민국");
  ASSERT_GE(found.size(), 4u);
  EXPECT_EQ(found[0], "4") << "the whole word first";
  EXPECT_EQ(found[1], "1") << "then with a particle";
  EXPECT_EQ(Find("대한민국의").size(), 4u) << "by its pairs";
  EXPECT_THAT(Find("AI"), ElementsAre("5"));
  EXPECT_THAT(Find("iphone"), ElementsAre("6"));
  EXPECT_THAT(Find("산"), ElementsAre("7"));
  EXPECT_THAT(Find("AI는"), ElementsAre("5"));
  // Decomposed, as file systems of Apple write it.
  EXPECT_THAT(Find("\u1107\u1162\u11a8\u1103\u116e"), ElementsAre("7"));
}

TEST_F(LanguagesTest, JapaneseAndChinese) {
  Add({"今日は天気が良い", "富士山に登る", "東京都の人口", "東京と京都", "北京大学在海淀区",
       "ﾊﾟｿｺﾝを買う", "山"});
  EXPECT_THAT(Find("天気"), ElementsAre("1"));
  EXPECT_THAT(Find("山"), UnorderedElementsAre("2", "7"));
  EXPECT_THAT(Find("東京都"), ElementsAre("3", "4"));
  EXPECT_THAT(Find("大学"), ElementsAre("5"));
  EXPECT_THAT(Find("パソコン"), ElementsAre("6"));
  EXPECT_THAT(Find("ハソコン"), testing::Not(testing::Contains("1")));
  EXPECT_THAT(Find("\"京都\""), UnorderedElementsAre("3", "4"));
  EXPECT_THAT(Find("\"東京都\""), ElementsAre("3"));
}

TEST_F(LanguagesTest, ThaiLaoKhmerBurmese) {
  Add({"ฉันชอบดื่มน้ำเย็นทุกวัน", "ประเทศไทยมีอากาศร้อน", "ປະເທດລາວສວຍງາມ", "ប្រទេសកម្ពុជាស្អាត",
       "မြန်မာနိုင်ငံသည်လှသည်"});
  EXPECT_THAT(Find("น้ำ"), ElementsAre("1"));
  EXPECT_THAT(Find("อากาศ"), ElementsAre("2"));
  EXPECT_THAT(Find("ລາວ"), ElementsAre("3"));
  EXPECT_THAT(Find("កម្ពុជា"), ElementsAre("4"));
  EXPECT_THAT(Find("မြန်မာ"), ElementsAre("5"));
}

TEST_F(LanguagesTest, OneFolding) {
  Add({"die Straße nach Köln", "Økland og Ærø", "Paweł z Łodzi", "ο κόσμος", "İstanbul Iğdır",
       "ﬁnal ＡＢＣ", "ёлка и воин", "مُحَمَّد", "שָׁלוֹם", "Đà Nẵng"});
  const std::pair<const char*, const char*> wanted[] = {
      {"strasse", "1"}, {"STRASSE", "1"},  {"koln", "1"},   {"okland", "2"}, {"aero", "2"},
      {"pawel", "3"},   {"lodzi", "3"},    {"κοσμος", "4"}, {"ΚΟΣΜΟΣ", "4"}, {"istanbul", "5"},
      {"ıgdır", "5"},   {"final", "6"},    {"abc", "6"},    {"елка", "7"},   {"محمد", "8"},
      {"שלום", "9"},    {"da nang", "10"}, {"danang", ""},  {"Straße", "1"}, {"ŁODZI", "3"}};
  for (const auto& [query, id] : wanted) {
    const auto found = Find(query);
    if (*id == 0) {
      EXPECT_THAT(found, IsEmpty()) << query;
    } else {
      EXPECT_THAT(found, ElementsAre(id)) << query;
    }
  }
}

TEST_F(LanguagesTest, SignsTellWordsApart) {
  Add({"programming in C", "programming in C#", "programming in C++", "the .NET runtime",
       "the net result", "modern C++17 code", "AT&T and Node.js", "node packages without js",
       "F# and B+ trees"});
  EXPECT_THAT(Find("c#"), ElementsAre("2"));
  EXPECT_THAT(Find("C++"), UnorderedElementsAre("3", "6"));
  EXPECT_THAT(Find("c"), ElementsAre("1"));
  EXPECT_THAT(Find(".net"), ElementsAre("4", "5"));
  EXPECT_THAT(Find("net"), UnorderedElementsAre("4", "5"));
  EXPECT_EQ(Find("c++17")[0], "6");
  EXPECT_EQ(Find("node.js")[0], "7");
  EXPECT_EQ(Find("at&t")[0], "7");
  EXPECT_THAT(Find("f#"), ElementsAre("9"));
  EXPECT_EQ(Find(".NET 8")[0], "4");
  EXPECT_THAT(FindPrefix("c+"), UnorderedElementsAre("3", "6"));
}

TEST_F(LanguagesTest, IdentifiersAndPrefixes) {
  Add({"the iPhone15 is new", "an iphone 15 case", "HTTPServer2 starts",
       "server_name and kube-proxy", "kube and a proxy"});
  EXPECT_THAT(Find("iphone"), UnorderedElementsAre("1", "2"));
  EXPECT_EQ(Find("iphone15")[0], "1") << "the whole first";
  EXPECT_EQ(Find("iphone15").size(), 2u);
  EXPECT_THAT(Find("server"), UnorderedElementsAre("3", "4"));
  EXPECT_EQ(Find("kube-proxy")[0], "4") << "side by side first";
  EXPECT_EQ(Find("kube-proxy").size(), 2u);
  EXPECT_THAT(FindPrefix("s"), UnorderedElementsAre("3", "4"));
  EXPECT_THAT(FindPrefix("ne"), ElementsAre("1"));
  EXPECT_THAT(FindPrefix("s "), IsEmpty());
  EXPECT_THAT(Find("ne"), IsEmpty());
}

// Measured: recall@5 1.000, nDCG@10 0.974.
TEST_F(LanguagesTest, KoreanCollection) {
  const std::string folder = std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/korean/";
  std::vector<Document> documents;
  std::string line;
  for (std::ifstream file(folder + "passages.jsonl"); std::getline(file, line);) {
    documents.push_back(Make(line));
  }
  ASSERT_GE(documents.size(), 60u);
  ASSERT_TRUE(index_->Add(documents).ok());
  double questions = 0;
  double in_five = 0;
  double gain = 0;
  for (std::ifstream file(folder + "questions.jsonl"); std::getline(file, line);) {
    const JsonDocument json = JsonDocument::Parse(line, "").value();
    const std::string question(json.root().GetString("question").value());
    const auto found = Find(question);
    const auto at = std::find(found.begin(), found.end(), json.root().GetString("id").value());
    const auto rank = static_cast<double>(at - found.begin());
    ++questions;
    if (at == found.end()) continue;
    in_five += rank < 5 ? 1 : 0;
    if (rank < 10) gain += 1 / std::log2(rank + 2);
  }
  ASSERT_EQ(questions, 50);
  EXPECT_GE(in_five / questions, 0.98);
  EXPECT_GE(gain / questions, 0.95);
}

}  // namespace
}  // namespace minnow
