// SPDX-License-Identifier: Apache-2.0
// Regular expressions by hand: words as Hugging Face tokenizers 0.23 cuts them with the same
// expression (pre_tokenizers.Split(Regex(EXPRESSION), "isolated").pre_tokenize_str(TEXT)).
#include "text/pre_tokenizers/word_patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace minnow {
namespace {

using testing::ElementsAre;

constexpr const char* kCl100k =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* kQwen =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* kClip =
    R"re(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)re";

std::vector<std::string> Words(WordPattern pattern, std::string_view text) {
  EXPECT_NE(pattern, nullptr);
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = pattern(text, at);
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return words;
}

TEST(WordPatternsTest, Gpt2) {
  EXPECT_THAT(
      Words(MatchGpt2Word, "I'll don't  go,  it's 12a\n"),
      ElementsAre("I", "'ll", " don", "'t", " ", " go", ",", " ", " it", "'s", " 12", "a", "\n"));
  EXPECT_THAT(Words(MatchGpt2Word, "'s 's !'s'S "),
              ElementsAre("'s", " '", "s", " !'", "s", "'", "S", " "));
  EXPECT_THAT(Words(MatchGpt2Word, "a \n\n b\u00a0c \u3000"),
              ElementsAre("a", " \n\n", " b", "\u00a0", "c", " \u3000"));
  EXPECT_THAT(Words(MatchGpt2Word, "\u0665\u2167\u00bd\u00e9\u4e2d\u0301"),
              ElementsAre("\u0665\u2167\u00bd", "\u00e9\u4e2d", "\u0301"));
}

TEST(WordPatternsTest, Clip) {
  EXPECT_THAT(Words(FindWordPattern(kClip), "<|startoftext|>it's 12!? <|endoftext|>!<|endoftext|>"),
              ElementsAre("<|startoftext|>", "it", "'s", "1", "2", "!?", "<|endoftext|>", "!<|",
                          "endoftext", "|>"));
}

TEST(WordPatternsTest, Cl100k) {
  const WordPattern pattern = FindWordPattern(kCl100k);
  EXPECT_THAT(Words(pattern, "it'S WE'LL i'\u017F 'x 12345"),
              ElementsAre("it", "'S", " WE", "'LL", " i", "'\u017F", " '", "x", " ", "123", "45"));
  EXPECT_THAT(Words(pattern, "a\n\n  b \r\n \tc !!\n\nd"),
              ElementsAre("a", "\n\n", " ", " b", " \r\n", " ", "\tc", " !!\n\n", "d"));
  EXPECT_THAT(Words(FindWordPattern(kQwen), "12 3"), ElementsAre("1", "2", " ", "3"));
}

TEST(WordPatternsTest, OthersAreNotKnown) {
  EXPECT_EQ(FindWordPattern(R"(\w+)"), nullptr);
  EXPECT_EQ(FindWordPattern(""), nullptr);
}

}  // namespace
}  // namespace minnow
