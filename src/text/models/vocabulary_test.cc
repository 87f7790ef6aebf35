// SPDX-License-Identifier: Apache-2.0
// Vocabulary: holes, the empty token, refusals; and WordPiece on it.
#include "text/models/vocabulary.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/models/wordpiece.h"

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

// Ids above 16 bits, and tokens so long that 16 bits do not hold where they start.
TEST(VocabularyTest, WideTables) {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(std::string(2000, 'x') + std::to_string(i));
  std::vector<Entry> entries;
  for (int i = 0; i < 300; ++i)
    entries.push_back({texts[static_cast<size_t>(i)], i + (i > 150 ? 100000 : 0)});
  const auto v = Vocabulary::Build(entries);
  ASSERT_TRUE(v.ok());
  EXPECT_TRUE(v->tables().offsets.empty());
  for (const Entry& entry : entries) {
    EXPECT_EQ(v->Find(entry.token), entry.id);
    EXPECT_EQ(v->Token(entry.id), entry.token);
  }
}

TEST(VocabularyTest, LargeVocabulariesFitTheProbes) {
  std::vector<std::string> texts;
  for (int i = 0; i < 300000; ++i) texts.push_back("##" + std::to_string(i));
  std::vector<Entry> entries;
  for (const std::string& text : texts)
    entries.push_back({text, static_cast<int32_t>(entries.size())});
  const auto v = Vocabulary::Build(entries);
  ASSERT_TRUE(v.ok()) << v.error().message;
  EXPECT_EQ(v->Find("##123456"), 123456);
}

TEST(VocabularyTest, TablesMadeBeforeGiveTheSame) {
  const auto built = Vocabulary::Build(std::vector<Entry>{{"a", 0}, {"bc", 1}, {"d", 3}});
  ASSERT_TRUE(built.ok());
  const auto v = Vocabulary::FromTables(built->tables(), nullptr);
  ASSERT_TRUE(v.ok()) << v.error().message;
  EXPECT_EQ(v->Find("bc"), 1);
  EXPECT_EQ(v->Token(3), "d");
  EXPECT_FALSE(v->Token(2).has_value());
}

TEST(VocabularyTest, SlotsAreMadeWhereThereAreNone) {
  const auto built = Vocabulary::Build(std::vector<Entry>{{"a", 0}, {"bc", 1}, {"d", 3}});
  ASSERT_TRUE(built.ok());
  VocabularyTables tables = built->tables();
  tables.slots = {};
  const auto v = Vocabulary::FromTables(tables, nullptr);
  ASSERT_TRUE(v.ok()) << v.error().message;
  const auto slots = v->tables().slots;
  EXPECT_TRUE(std::equal(slots.begin(), slots.end(), built->tables().slots.begin(),
                         built->tables().slots.end()));
  EXPECT_EQ(v->Find("bc"), 1);
}

TEST(VocabularyTest, TablesThatDoNotFitTogetherAreRefused) {
  const auto built = Vocabulary::Build(std::vector<Entry>{{"a", 0}, {"bc", 1}, {"d", 3}});
  ASSERT_TRUE(built.ok());
  std::vector<VocabularyTables> wrong(8, built->tables());
  wrong[0].id_limit = 5;
  wrong[1].id_limit = -1;
  wrong[2].starts = {};
  wrong[3].offsets = wrong[3].offsets.subspan(1);
  wrong[4].slots = wrong[4].slots.subspan(1);
  const std::vector<uint16_t> overlapping = {0, 4, 0, 4, 4};
  wrong[5].slots = {};
  wrong[5].offsets = overlapping;
  wrong[6].size = 5;
  wrong[7].max_token_bytes = 5;
  for (size_t i = 0; i < wrong.size(); ++i) {
    const auto v = Vocabulary::FromTables(wrong[i], nullptr);
    ASSERT_FALSE(v.ok()) << i;
    EXPECT_EQ(v.error().code, Code::kCorrupt);
  }
}

// Whatever the tables hold, lookups stay inside them.
TEST(VocabularyTest, AnyTablesAreSafe) {
  std::mt19937 random(7);
  std::vector<char> bytes(100);
  std::vector<uint32_t> starts(2);
  std::vector<uint16_t> offsets(101);
  std::vector<uint8_t> slots(3 * 64);
  for (int round = 0; round < 2000; ++round) {
    const auto byte = [&] { return static_cast<uint8_t>(random()); };
    for (char& c : bytes) c = static_cast<char>(byte() % 4 + 'a');
    for (uint32_t& start : starts) start = random() % (round % 2 == 0 ? 120 : 0xFFFFFFFF);
    for (uint16_t& offset : offsets) offset = static_cast<uint16_t>(random() % 200);
    for (uint8_t& slot : slots) slot = byte();
    const auto v = Vocabulary::FromTables({.bytes = bytes,
                                           .starts = starts,
                                           .offsets = offsets,
                                           .slots = slots,
                                           .id_limit = 100,
                                           .size = 100,
                                           .max_token_bytes = 100},
                                          nullptr);
    ASSERT_TRUE(v.ok());
    for (int i = 0; i < 100; ++i) {
      const std::string word(1 + random() % 3, static_cast<char>('a' + random() % 4));
      const auto id = v->Find(word);
      if (id) {
        EXPECT_LT(*id, 100);
        EXPECT_EQ(v->Token(*id), word);
      }
      v->Token(i);
    }
  }
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
    if (VocabularyTables::FirstSlot(hash.value(), 3201) < 8) texts.push_back(std::to_string(i));
  }
  std::vector<Entry> entries;
  for (const std::string& text : texts)
    entries.push_back({text, static_cast<int32_t>(entries.size())});
  const auto v = Vocabulary::Build(entries);
  ASSERT_FALSE(v.ok());
  EXPECT_NE(v.error().message.find("share one place"), std::string::npos);
}

// A packed file's bytes may be no UTF-8, of which no token is.
TEST(VocabularyTest, TokensAreUtf8) {
  const auto good = Vocabulary::Build(std::vector<Entry>{{"ab", 0}, {"\u00e9", 1}});
  ASSERT_TRUE(good.ok());
  const std::string bytes = "ab\xC3";
  const std::vector<uint16_t> offsets = {0, 2, 3};
  VocabularyTables tables = good->tables();
  tables.bytes = bytes;
  tables.offsets = offsets;
  const auto v = Vocabulary::FromTables(tables, nullptr);
  ASSERT_TRUE(v.ok()) << v.error().message;
  EXPECT_EQ(v->Token(0), "ab");
  EXPECT_EQ(v->Token(1), std::nullopt);
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
  const auto model =
      WordPiece::Make({.vocabulary = std::move(v).value(), .scores = {}, .merges = {}},
                      {.max_word_code_points = 9});
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
  EXPECT_FALSE(
      WordPiece::Make({.vocabulary = std::move(v).value(), .scores = {}, .merges = {}}, {}).ok());
}

}  // namespace
}  // namespace minnow
