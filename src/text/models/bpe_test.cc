// SPDX-License-Identifier: Apache-2.0
// BPE: merges by rank in short and long words, characters that are unknown, and files that are
// wrong. Expected tokens are those of Hugging Face tokenizers 0.23 for the same JSON; whole
// tokenizers are compared in tokenizer_test.cc.
#include "text/models/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "formats/json.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<std::unique_ptr<const TokenModel>> Read(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "t.json");
  if (!document.ok()) return document.error();
  return ReadTokenModel(document->root(), std::nullopt);
}

// The model of kSmall's vocabulary with `more` fields.
std::unique_ptr<const TokenModel> Small(const std::string& more) {
  auto model = Read(R"({"type": "BPE", )" + more + R"(, "vocab": {"<unk>": 0, "a": 1, "b": 2,
      "c": 3, "ab": 4, "bc": 5, "abc": 6, "aa": 7, "##b": 8, "a##b": 9, "c</w>": 10, "<0xC3>": 11,
      "<0xA9>": 12, "abab": 13}, "merges": ["b c", ["a", "b"], "ab c", "a a", "ab ab"]})");
  EXPECT_TRUE(model.ok()) << model.error().message;
  return std::move(model).value();
}

// Tokens with the bytes that they stand for: "ab[0,2) ...".
std::string Tokens(const TokenModel& model, std::string_view word) {
  std::vector<TokenId> ids;
  std::vector<TextSpan> spans;
  model.Tokenize(word, ids, &spans);
  EXPECT_EQ(ids.size(), spans.size());
  std::string out;
  for (size_t i = 0; i < ids.size(); ++i) {
    out += std::string(*model.vocabulary().Token(ids[i])) + "[" + std::to_string(spans[i].begin) +
           "," + std::to_string(spans[i].end) + ")";
  }
  return out;
}

TEST(BpeTest, TheFirstMergeOfAllComesFirstAndLeftmost) {
  const auto model = Small(R"("unk_token": null)");
  EXPECT_STREQ(model->type(), "BPE");
  EXPECT_EQ(Tokens(*model, "abc"), "a[0,1)bc[1,3)");
  EXPECT_EQ(Tokens(*model, "aba"), "ab[0,2)a[2,3)");
  EXPECT_EQ(Tokens(*model, "aaa"), "aa[0,2)a[2,3)");
  EXPECT_EQ(Tokens(*model, "ababab"), "abab[0,4)ab[4,6)");
}

TEST(BpeTest, UnknownCharacters) {
  // Left out, so that what follows stands too far to the left.
  EXPECT_EQ(Tokens(*Small(R"("unk_token": null)"), "x\u00e9ab"), "ab[0,2)");
  EXPECT_EQ(Tokens(*Small(R"("unk_token": "none")"), "xa"), "a[0,1)");
  EXPECT_EQ(Tokens(*Small(R"("unk_token": "<unk>")"), "xya"), "<unk>[0,1)<unk>[1,2)a[2,3)");
  EXPECT_EQ(Tokens(*Small(R"("unk_token": "<unk>", "fuse_unk": true)"), "xya"), "<unk>[0,2)a[2,3)");
  // Bytes overtake an unknown token that waits.
  EXPECT_EQ(Tokens(*Small(R"("unk_token": "<unk>", "byte_fallback": true)"), "x\u00e9a"),
            "<0xC3>[0,1)<0xA9>[1,2)<unk>[2,3)a[3,4)");
}

TEST(BpeTest, LongPrefixesAndSuffixesAreRefused) {
  for (const char* field : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto read = [field](size_t bytes) {
      return Read(std::string(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], ")") + field +
                  R"(": ")" + std::string(bytes, '#') + "\"}");
    };
    EXPECT_TRUE(read(Bpe::kMaxAffixBytes).ok());
    const auto refused = read(Bpe::kMaxAffixBytes + 1);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kUnsupported);
  }
}

TEST(BpeTest, PrefixSuffixAndWholeWords) {
  const auto prefix = Read(R"({"type": "BPE", "continuing_subword_prefix": "##",
      "end_of_word_suffix": "</w>", "vocab": {"a": 0, "##b": 1, "ab": 2, "##c</w>": 3,
      "abc</w>": 4, "a</w>": 5}, "merges": ["a ##b", "ab ##c</w>"]})");
  ASSERT_TRUE(prefix.ok()) << prefix.error().message;
  EXPECT_EQ(Tokens(**prefix, "abc"), "abc</w>[0,3)");
  EXPECT_EQ(Tokens(**prefix, "a"), "a</w>[0,1)");
  EXPECT_EQ(Tokens(*Small(R"("ignore_merges": true)"), "abc"), "abc[0,3)");
  EXPECT_EQ(Tokens(*Small(R"("ignore_merges": false)"), "abc"), "a[0,1)bc[1,3)");
}

// The same words by the scan for short words and by the heap: "c" parts the halves.
TEST(BpeTest, LongWordsAreMergedAsShortOnesAre) {
  const auto model = Small(R"("unk_token": null)");
  for (const std::string part : {"ababa", "aab", "aaaa", "bab"}) {
    const std::string half = part + "c";
    std::vector<TokenId> once, all;
    model->Tokenize(half, once, nullptr);
    std::string word;
    std::vector<TokenId> expected;
    for (int i = 0; i < 40; ++i) {
      word += half;
      expected.insert(expected.end(), once.begin(), once.end());
    }
    model->Tokenize(word, all, nullptr);
    EXPECT_EQ(all, expected) << part;
  }
}

TEST(BpeTest, AWordOfAMillionLettersIsNoHang) {
  const auto model = Small(R"("unk_token": null)");
  std::string word;
  while (word.size() < 1'000'000) word += "ab";
  const std::clock_t begin = std::clock();
  std::vector<TokenId> ids;
  model->Tokenize(word, ids, nullptr);
  EXPECT_EQ(ids.size(), 250'000u);
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 20);
}

// Hugging Face takes the last of two merges of one pair.
TEST(BpeTest, OfAMergeGivenTwiceTheLastCounts) {
  const auto model = Read(R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4},
      "merges": ["#version: 0.2", "a b", "b c", "a b"]})");
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(Tokens(**model, "abc"), "a[0,1)bc[1,3)");
}

TEST(BpeTest, WrongFilesAreRefusedByName) {
  const auto error = [](const std::string& fields) {
    const auto model = Read(R"({"type": "BPE", )" + fields + "}");
    EXPECT_FALSE(model.ok()) << fields;
    return model.ok() ? "" : model.error().message;
  };
  const std::string vocab = R"("vocab": {"a": 0, "b": 1, "##": 2}, )";
  EXPECT_THAT(error(vocab + R"("merges": ["a c"])"), HasSubstr("merges[0]: \"c\" is not in"));
  EXPECT_THAT(error(vocab + R"("merges": ["a b"])"), HasSubstr("merges[0]: \"ab\" is not in"));
  EXPECT_THAT(error(vocab + R"("merges": ["a  b"])"), HasSubstr("one space"));
  EXPECT_THAT(error(vocab + R"("merges": ["ab"])"), HasSubstr("one space"));
  EXPECT_THAT(error(vocab + R"("merges": [["a"]])"), HasSubstr("two tokens"));
  EXPECT_THAT(error(vocab + R"("merges": [["a", 1]])"), HasSubstr("merges[0][1]"));
  EXPECT_THAT(error(vocab + R"("merges": {})"), HasSubstr("merges"));
  EXPECT_THAT(error(vocab + R"("merges": [], "dropout": 0.1)"), HasSubstr("dropout"));
  EXPECT_THAT(error(vocab + R"("merges": [], "fuse_unk": 1)"), HasSubstr("fuse_unk"));
  EXPECT_THAT(error(vocab + R"("merges": ["a b"], "continuing_subword_prefix": "####")"),
              HasSubstr("shorter than the prefix"));
  EXPECT_THAT(error(R"("vocab": {"a": 0})"), HasSubstr("merges"));
  EXPECT_THAT(error(R"("merges": [])"), HasSubstr("vocab"));
}

}  // namespace
}  // namespace minnow
