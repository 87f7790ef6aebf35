// SPDX-License-Identifier: Apache-2.0
// Unigram on small vocabularies. The ids and spans that need no option are those that Hugging
// Face's models.Unigram gives for the same tokens and scores; whole tokenizers are compared with
// Hugging Face's in tokenizer_test.cc and tests/golden.
#include "text/models/unigram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace minnow {
namespace {

using testing::ElementsAre;

constexpr double kNever = std::numeric_limits<double>::quiet_NaN();

struct Piece {
  std::string_view token;
  double score;
};

ModelTables Tables(const std::vector<Piece>& pieces) {
  std::vector<Vocabulary::Entry> entries;
  std::vector<double> scores;
  for (const Piece& piece : pieces) {
    entries.push_back({piece.token, static_cast<int32_t>(entries.size())});
    scores.push_back(piece.score);
  }
  return MakeUnigramTables(entries, std::move(scores)).value();
}

class Pieces {
 public:
  explicit Pieces(const std::vector<Piece>& pieces, const UnigramOptions& options = {})
      : model_(Unigram::Make(Tables(pieces), options).value()) {}

  std::vector<TokenId> Ids(std::string_view word) {
    std::vector<TokenId> ids;
    spans_.clear();
    model_->Tokenize(word, ids, &spans_);
    EXPECT_EQ(spans_.size(), ids.size());
    std::vector<TokenId> without;
    model_->Tokenize(word, without, nullptr);
    EXPECT_EQ(without, ids);
    return ids;
  }
  std::vector<std::pair<size_t, size_t>> Spans() const {
    std::vector<std::pair<size_t, size_t>> out;
    for (const TextSpan& span : spans_) out.emplace_back(span.begin, span.end);
    return out;
  }

 private:
  std::unique_ptr<const TokenModel> model_;
  std::vector<TextSpan> spans_;
};

TEST(Unigram, TheBestSumWins) {
  Pieces pieces({{"<unk>", 0}, {"a", -1}, {"b", -1}, {"c", -1}, {"ab", -1.5}, {"bc", -1.25}});
  EXPECT_THAT(pieces.Ids("abc"), ElementsAre(1, 5));  // -2.25 against -2.5 and -3
  EXPECT_THAT(pieces.Spans(), ElementsAre(std::pair(0, 1), std::pair(1, 3)));
  EXPECT_THAT(pieces.Ids("ab"), ElementsAre(4));
  EXPECT_THAT(pieces.Ids(""), ElementsAre());
}

TEST(Unigram, OfEqualSumsTheOneWithTheLongerLastTokenWins) {
  Pieces pieces({{"<unk>", 0}, {"a", -1}, {"b", -1}, {"ab", -2}, {"aa", -2}});
  EXPECT_THAT(pieces.Ids("ab"), ElementsAre(3));
  EXPECT_THAT(pieces.Ids("aaa"), ElementsAre(1, 4));
}

// As in sentencepiece 0.2.2 and 0.2.3: "a" "b" is worth -(1 + 0.75 * 2^-23), a little more than
// "ab", and the same once rounded. Up to 0.2.1 the sum was compared before it was.
TEST(Unigram, OfNearlyEqualSumsTheRoundedOnesAreCompared) {
  const double ulp = std::ldexp(1.0, -23);
  const std::vector<Piece> near = {{"<unk>", 0}, {"a", -1}, {"b", -0.75 * ulp}, {"ab", -(1 + ulp)}};
  EXPECT_THAT(Pieces(near, {.as_sentencepiece = true}).Ids("ab"), ElementsAre(3));
  EXPECT_THAT(Pieces(near).Ids("ab"), ElementsAre(1, 2));
}

TEST(Unigram, LongTokensAreRefused) {
  const std::string longest(Unigram::kMaxTokenBytes, 'a');
  const std::string longer = longest + "a";
  EXPECT_TRUE(Unigram::Make(Tables({{"<unk>", 0}, {longest, -1}}), {}).ok());
  const auto refused = Unigram::Make(Tables({{"<unk>", 0}, {longer, -1}}), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

TEST(Unigram, UnknownCharactersCostTenMoreThanTheWorstTokenAndAreOneToken) {
  Pieces pieces({{"<unk>", 0}, {"a", -3}, {"xya", -25}, {"日", -2}});
  EXPECT_THAT(pieces.Ids("xya"), ElementsAre(2));  // -25 against -13 - 13 - 3
  EXPECT_THAT(pieces.Ids("axé語a日"), ElementsAre(1, 0, 1, 3));
  EXPECT_THAT(pieces.Spans(),
              ElementsAre(std::pair(0, 1), std::pair(1, 7), std::pair(7, 8), std::pair(8, 11)));
  EXPECT_THAT(pieces.Ids("<unk>"), ElementsAre(0));
  EXPECT_THAT(pieces.Ids("x<unk>y"), ElementsAre(0));
  Pieces cheap({{"<unk>", 0}, {"a", -3}, {"xya", -25}}, {.unknown_score = -4});
  EXPECT_THAT(cheap.Ids("xya"), ElementsAre(0, 1));
}

TEST(Unigram, ACharacterThatIsOnlyAPartOfATokenIsUnknown) {
  Pieces pieces({{"<unk>", 0}, {"ab", -1}, {"b", -2}});
  EXPECT_THAT(pieces.Ids("aba"), ElementsAre(1, 0));
  EXPECT_THAT(pieces.Ids("aab"), ElementsAre(0, 1));
}

TEST(Unigram, BytesStandForWhatIsUnknownWhereAllAreThere) {
  const std::vector<Piece> some = {{"<unk>", 0}, {"a", -1}, {"<0xC3>", -1}, {"<0xA9>", -1}};
  Pieces bytes(some, {.byte_fallback = true});
  EXPECT_THAT(bytes.Ids("aéa"), ElementsAre(1, 2, 3, 1));
  EXPECT_THAT(bytes.Spans(),
              ElementsAre(std::pair(0, 1), std::pair(1, 3), std::pair(1, 3), std::pair(3, 4)));
  EXPECT_THAT(bytes.Ids("éè"), ElementsAre(0));  // U+00E8 is C3 A8
  EXPECT_THAT(Pieces(some).Ids("é"), ElementsAre(0));
}

TEST(Unigram, TokensWithoutAScoreAreNotFound) {
  Pieces pieces({{"<unk>", kNever}, {"<s>", kNever}, {"<", -1}, {"s", -1}, {">", -1}});
  EXPECT_THAT(pieces.Ids("<s>"), ElementsAre(2, 3, 4));
}

TEST(Unigram, SumsAreRoundedAsAskedFor) {
  // "ab" is worse than "a" and "b" by 2^-31, which 32 bits do not see.
  const std::vector<Piece> close = {
      {"<unk>", -9}, {"a", -1}, {"b", -std::ldexp(1, -31)}, {"ab", -1 - std::ldexp(1, -30)}};
  EXPECT_THAT(Pieces(close).Ids("ab"), ElementsAre(1, 2));
  EXPECT_THAT(Pieces(close, {.as_sentencepiece = true}).Ids("ab"), ElementsAre(3));
}

TEST(Unigram, LongWordsAndLongTokens) {
  const std::string token(300, 'a');
  Pieces pieces({{"<unk>", 0}, {"a", -1}, {token, -2}});
  EXPECT_THAT(pieces.Ids(std::string(299, 'a')), testing::SizeIs(299));
  EXPECT_THAT(pieces.Ids(std::string(301, 'a')), testing::SizeIs(2));
  EXPECT_THAT(pieces.Ids(std::string(100000, 'a')), testing::SizeIs(433));
}

TEST(Unigram, WrongTablesAreRefused) {
  const std::vector<double> scores(2);
  ModelTables fewer = Tables({{"a", 0}, {"b", 0}, {"c", 0}});
  fewer.scores = std::span<const double>(scores);
  EXPECT_FALSE(Unigram::Make(fewer, {}).ok());
  const std::vector<uint64_t> words(3);
  ModelTables odd = Tables({{"a", 0}});
  odd.prefixes = words;
  EXPECT_FALSE(Unigram::Make(odd, {}).ok());
  EXPECT_FALSE(Unigram::Make(Tables({{"a", 0}}), {.unknown_id = 1}).ok());
  EXPECT_FALSE(Unigram::Make(Tables({}), {}).ok());
}

TEST(PrefixFilter, KnowsEveryBeginning) {
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back("x日" + std::to_string(i * 7919));
  std::vector<Vocabulary::Entry> entries;
  for (const std::string& text : texts)
    entries.push_back({text, static_cast<int32_t>(entries.size())});
  const Vocabulary vocabulary = Vocabulary::Build(entries).value();
  const std::vector<uint64_t> words = PrefixFilter::Build(vocabulary);
  EXPECT_TRUE(PrefixFilter::IsSize(words.size()));
  const PrefixFilter filter(words);
  const auto may_continue = [&filter](std::string_view text) {
    TokenHash hash;
    hash.Add(text);
    return filter.MayContinue(hash.value());
  };
  int wrong = 0;
  for (const std::string& text : texts) {
    EXPECT_TRUE(may_continue("x") && may_continue("x日") &&
                may_continue(std::string_view(text).substr(0, text.size() - 1)));
    wrong += may_continue("y" + text) ? 1 : 0;
  }
  EXPECT_LT(wrong, 900);  // of 3000, at 16 bits a token
  EXPECT_TRUE(PrefixFilter().MayContinue(0));
}

}  // namespace
}  // namespace minnow
