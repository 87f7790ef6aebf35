// SPDX-License-Identifier: Apache-2.0
// Which expressions are read, what they find, and the normalizers and decoders that use them. What
// is found is compared with Hugging Face's in tokenizer_test.cc.
#include "text/replace_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/decoders/decoder.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

Result<ReplacePattern> Read(const std::string& kind, const std::string& text) {
  std::string json;
  JsonWriter writer(&json);
  writer.BeginObject();
  writer.Key(kind);
  writer.String(text);
  writer.EndObject();
  return ReplacePattern::Read(JsonDocument::Parse(json, "t.json")->root());
}

// `text` with every match replaced by '_'.
std::string Replaced(const std::string& kind, const std::string& pattern, std::string text) {
  auto read = Read(kind, pattern);
  EXPECT_TRUE(read.ok()) << read.error().message;
  NormalizedText out;
  MakeReplace(read.value(), "_")->Normalize({text, nullptr}, out);
  std::vector<std::string> tokens = {text};
  MakeReplaceDecoder(std::move(read).value(), "_")->Decode(tokens);
  EXPECT_EQ(tokens[0], out.bytes);
  return out.bytes;
}

TEST(ReplacePattern, SetsOfManyRanges) {
  EXPECT_EQ(Replaced("Regex", "[x-zc-ea-da]", "abcdefwxyz"), "_____fw___");
  CharacterSet set;
  set.ranges = {{'x', 'z'}, {'c', 'e'}, {'a', 'd'}, {'a', 'a'}, {'a', 'b'}};
  set.SortRanges();
  EXPECT_EQ(set.ranges.size(), 2u);
  for (const char c : std::string("abcdexyz")) EXPECT_TRUE(set.Contains(static_cast<uint8_t>(c)));
  for (const char c : std::string("`fw{")) EXPECT_FALSE(set.Contains(static_cast<uint8_t>(c)));
}

TEST(ReplacePattern, LongTextsAreRefused) {
  for (const char* kind : {"String", "Regex"}) {
    EXPECT_TRUE(Read(kind, std::string(1024, 'a')).ok());
    const auto refused = Read(kind, std::string(1025, 'a'));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kUnsupported);
  }
}

TEST(ReplacePattern, TextsAndExpressions) {
  EXPECT_EQ(Replaced("String", "aa", "aaabaa"), "_ab_");
  EXPECT_EQ(Replaced("String", "a+", "aa+"), "a_");
  EXPECT_EQ(Replaced("Regex", "ab", "aabb"), "a_b");
  EXPECT_EQ(Replaced("Regex", " {2,}", "a b  c    "), "a b_c_");
  EXPECT_EQ(Replaced("Regex", "x{2}", "x xx xxx xxxx"), "x _ _x __");
  EXPECT_EQ(Replaced("Regex", "x{1,3}", "x xxxx"), "_ __");
  EXPECT_EQ(Replaced("Regex", R"(\s+)", "a \t\u3000b\u0085"), "a_b_");
  EXPECT_EQ(Replaced("Regex", R"(\.)", "a.b"), "a_b");
  EXPECT_EQ(Replaced("Regex", R"([a-cé\]\s]+)", "abz]é -d"), "_z_-d");
  EXPECT_EQ(Replaced("Regex", "[^a-c]", "abxcéd"), "ab_c__");
  EXPECT_EQ(Replaced("Regex", "[-a]", "b-a"), "b__");
  EXPECT_EQ(Replaced("Regex", R"([!"\#$%\&'\(\)&*])", "a&b#c\\"), "a_b_c\\");
  EXPECT_EQ(Replaced("Regex", "[a-]", "b-a"), "b__");
  EXPECT_EQ(Replaced("Regex", R"(\n)", "a\nb"), "a_b");
}

TEST(ReplacePattern, OthersAreNamed) {
  for (const char* expression :
       {"",    "a*",  "a?",    "(ab)",   "a|b", "^a",  "a$",    R"(\d)",       R"(\p{L})",
        "[a",  "[]",  "a{0,}", "a{3,2}", "a{",  "a{2", "a{,3}", "[[:alpha:]]", "[a&&b]",
        "ab+", "a+?", ".",     "[z-a]",  R"(\)"}) {
    const auto pattern = Read("Regex", expression);
    ASSERT_FALSE(pattern.ok()) << expression;
    EXPECT_EQ(pattern.error().code, Code::kUnsupported);
    EXPECT_THAT(pattern.error().message, testing::HasSubstr("t.json: Regex: the expression"));
  }
  EXPECT_FALSE(Read("String", "").ok());
  EXPECT_FALSE(Read("Other", "a").ok());
}

}  // namespace
}  // namespace minnow
