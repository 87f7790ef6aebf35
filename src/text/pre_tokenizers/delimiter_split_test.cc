// SPDX-License-Identifier: Apache-2.0
// Split, Punctuation, Digits and ByteLevel from JSON: the words of Hugging Face tokenizers 0.23.
#include "text/pre_tokenizers/delimiter_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "formats/json.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<std::unique_ptr<const PreTokenizer>> Read(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "t.json");
  if (!document.ok()) return document.error();
  return ReadPreTokenizer(document->root());
}

std::vector<std::string> Words(const std::string& json, std::string_view text) {
  const auto pre_tokenizer = Read(json);
  EXPECT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.error().message;
  if (!pre_tokenizer.ok()) return {};
  NormalizedText rewritten;
  rewritten.Reset(false, text.size());
  std::vector<TextSpan> spans;
  (*pre_tokenizer)->Split({text, nullptr}, rewritten, spans);
  std::vector<std::string> words;
  for (const TextSpan& span : spans) {
    const std::string_view base = (*pre_tokenizer)->rewrites() ? rewritten.bytes : text;
    words.emplace_back(base.substr(span.begin, span.end - span.begin));
  }
  return words;
}

std::string SplitJson(const std::string& behavior, const std::string& invert) {
  return R"({"type": "Split", "pattern": {"String": "-"}, "behavior": ")" + behavior +
         R"(", "invert": )" + invert + "}";
}

TEST(DelimiterSplitTest, FiveBehaviors) {
  constexpr const char* kText = "the-final--countdown";
  EXPECT_THAT(Words(SplitJson("Removed", "false"), kText),
              ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(Words(SplitJson("Isolated", "false"), kText),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(Words(SplitJson("MergedWithPrevious", "false"), kText),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(Words(SplitJson("MergedWithNext", "false"), kText),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(Words(SplitJson("Contiguous", "false"), kText),
              ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(Words(SplitJson("Removed", "true"), kText), ElementsAre("-", "-", "-"));
  EXPECT_THAT(Words(SplitJson("MergedWithNext", "false"), "--a-"), ElementsAre("-", "-a", "-"));
  EXPECT_THAT(Words(SplitJson("MergedWithPrevious", "false"), "--a-"), ElementsAre("-", "-", "a-"));
  EXPECT_TRUE(Words(SplitJson("Isolated", "false"), "").empty());
}

TEST(DelimiterSplitTest, Expressions) {
  const auto split = [](const std::string& expression) {
    return R"({"type": "Split", "pattern": {"Regex": ")" + expression +
           R"("}, "behavior": "Isolated", "invert": false})";
  };
  EXPECT_THAT(Words(split(R"(\\s+)"), "a \u3000b c"), ElementsAre("a", " \u3000", "b", " ", "c"));
  EXPECT_THAT(Words(split(" {2,}"), "a b  c   "), ElementsAre("a b", "  ", "c", "   "));
  EXPECT_THAT(Words(split("[0-9]{2}"), "1234567"), ElementsAre("12", "34", "56", "7"));
}

TEST(DelimiterSplitTest, PunctuationAndDigits) {
  EXPECT_THAT(Words(R"({"type": "Punctuation"})", "a,$\u3002b"),
              ElementsAre("a", ",", "$", "\u3002", "b"));
  EXPECT_THAT(Words(R"({"type": "Punctuation", "behavior": "Removed"})", "a,$b"),
              ElementsAre("a", "b"));
  EXPECT_THAT(Words(R"({"type": "Digits", "individual_digits": false})", "a12\u00bdb3"),
              ElementsAre("a", "12\u00bd", "b", "3"));
  EXPECT_THAT(Words(R"({"type": "Digits", "individual_digits": true})", "a12"),
              ElementsAre("a", "1", "2"));
}

TEST(DelimiterSplitTest, ByteLevel) {
  constexpr const char* kPlain =
      R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})";
  constexpr const char* kPrefix =
      R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true})";
  constexpr const char* kWhole =
      R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": false})";
  EXPECT_THAT(Words(kPlain, "a \u00e9\n"), ElementsAre("a", "\u0120\u00c3\u00a9", "\u010a"));
  EXPECT_THAT(Words(kPrefix, "a b"), ElementsAre("\u0120a", "\u0120b"));
  EXPECT_THAT(Words(kPrefix, " a"), ElementsAre("\u0120a"));
  EXPECT_THAT(Words(kWhole, "a b"), ElementsAre("\u0120a\u0120b"));
  EXPECT_TRUE(Words(kPrefix, "").empty());
}

TEST(DelimiterSplitTest, WhatIsRefused) {
  const auto error = [](const std::string& json) {
    const auto pre_tokenizer = Read(json);
    EXPECT_FALSE(pre_tokenizer.ok()) << json;
    return pre_tokenizer.ok() ? "" : pre_tokenizer.error().message;
  };
  EXPECT_THAT(error(SplitJson("Merged", "false")), HasSubstr("behavior"));
  EXPECT_THAT(error(R"({"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated",
      "invert": false})"),
              HasSubstr("pattern.Regex: the expression"));
  EXPECT_THAT(error(R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated",
      "invert": false})"),
              HasSubstr("pattern.String"));
  EXPECT_THAT(error(R"({"type": "Split", "pattern": "x", "behavior": "Isolated"})"),
              HasSubstr("pattern"));
  EXPECT_THAT(error(R"({"type": "Digits"})"), HasSubstr("individual_digits"));
  EXPECT_THAT(error(R"({"type": "ByteLevel"})"), HasSubstr("add_prefix_space"));
}

}  // namespace
}  // namespace minnow
