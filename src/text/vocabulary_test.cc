// SPDX-License-Identifier: Apache-2.0
// Vocabulary: holes, the empty token, refusals; and WordPiece on it.
#include "text/vocabulary.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/wordpiece.h"

namespace minnow {
namespace {

using Entry = Vocabulary::Entry;

TEST(VocabularyTest, FindsWhatItHolds) {
  std::vector<std::string> texts;
  for (int i = 0; i < 5000; ++i) texts.push_back("t" + std::to_string(i * 7919));
  std::vector<Entry> entries;
  for (int i = 0; i < 5000; ++i)
    entries.push_back({texts[static_cast<size_t>(i)], (i * 3 + 1) % 15000});
  const auto v = Vocabulary::Build(entries);
  ASSERT_TRUE(v.ok());
  for (const Entry& entry : entries) {
    EXPECT_EQ(v->Find(entry.token), entry.id);
    EXPECT_EQ(v->Token(entry.id), entry.token);
    EXPECT_FALSE(v->Find(std::string(entry.token) + "x").has_value());
  }
  EXPECT_EQ(v->size(), 5000u);
  EXPECT_EQ(v->id_limit(), 14999);
  EXPECT_FALSE(v->Token(0).has_value());
  EXPECT_FALSE(v->Token(14999).has_value());
  EXPECT_FALSE(v->Token(-1).has_value());
  EXPECT_FALSE(v->Find("").has_value());
}

TEST(VocabularyTest, EmptyTokenIsNoHole) {
  const auto v = Vocabulary::Build(std::vector<Entry>{{"", 2}, {"a", 0}});
  ASSERT_TRUE(v.ok());
  EXPECT_EQ(v->Find(""), 2);
  EXPECT_EQ(v->Token(2), "");
  EXPECT_FALSE(v->Token(1).has_value());
}

TEST(VocabularyTest, Empty) {
  const auto v = Vocabulary::Build({});
  ASSERT_TRUE(v.ok());
  EXPECT_FALSE(v->Find("a").has_value());
  EXPECT_FALSE(v->Token(0).has_value());
  EXPECT_EQ(v->id_limit(), 0);
}

TEST(VocabularyTest, Refusals) {
  const std::vector<std::vector<Entry>> wrong = {
      {{"a", -1}}, {{"a", Vocabulary::kMaxId + 1}}, {{"a", 1}, {"b", 1}}, {{"a", 1}, {"a", 2}}};
  for (const auto& entries : wrong) {
    const auto v = Vocabulary::Build(entries);
    ASSERT_FALSE(v.ok());
    EXPECT_EQ(v.error().code, Code::kCorrupt);
  }
}

// Tokens chosen so that their places collide would make loading and every lookup slow.
TEST(VocabularyTest, CollidingTokensAreRefused) {
  std::vector<std::string> texts;
  for (int i = 0; texts.size() < 2000; ++i) {
    TokenHash hash;
    hash.Add(std::to_string(i));
    if ((hash.value() & 0xFFF) < 8) texts.push_back(std::to_string(i));
  }
  std::vector<Entry> entries;
  for (const std::string& text : texts)
    entries.push_back({text, static_cast<int32_t>(entries.size())});
  const auto v = Vocabulary::Build(entries);
  ASSERT_FALSE(v.ok());
  EXPECT_NE(v.error().message.find("share one place"), std::string::npos);
}

TEST(WordPieceTest, GreedyLongestFirst) {
  auto v = Vocabulary::Build(std::vector<Entry>{{"[UNK]", 0},
                                                {"un", 1},
                                                {"##aff", 2},
                                                {"##able", 3},
                                                {"##a", 4},
                                                {"é", 5},
                                                {"##é", 6},
                                                {"unaff", 7},
                                                {"u", 8}});
  ASSERT_TRUE(v.ok());
  const auto model = WordPiece::Make(std::move(v).value(), {.max_word_code_points = 9});
  ASSERT_TRUE(model.ok());
  const auto ids = [&](std::string_view word, std::vector<TextSpan>* spans = nullptr) {
    std::vector<TokenId> out;
    (*model)->Tokenize(word, out, spans);
    return out;
  };
  std::vector<TextSpan> spans;
  EXPECT_EQ(ids("unaffable", &spans), (std::vector<TokenId>{7, 3}));
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[1].begin, 5u);
  EXPECT_EQ(spans[1].end, 9u);
  EXPECT_EQ(ids("unaéa"), (std::vector<TokenId>{1, 4, 6, 4}));
  EXPECT_EQ(ids("unaffablx"), (std::vector<TokenId>{0}));  // no end
  EXPECT_EQ(ids("éééééééé"),
            (std::vector<TokenId>{5, 6, 6, 6, 6, 6, 6, 6}));  // code points are counted, not bytes
  EXPECT_EQ(ids("éééééééééé"), (std::vector<TokenId>{0}));
}

TEST(WordPieceTest, UnknownTokenMustExist) {
  auto v = Vocabulary::Build(std::vector<Entry>{{"a", 0}});
  ASSERT_TRUE(v.ok());
  EXPECT_FALSE(WordPiece::Make(std::move(v).value(), {}).ok());
}

}  // namespace
}  // namespace minnow
