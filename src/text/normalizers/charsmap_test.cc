// SPDX-License-Identifier: Apache-2.0
// Charsmap: rules, and bytes that are none. Rules made by sentencepiece itself are compared with
// Hugging Face's answers in unicode_test.cc and tokenizer_test.cc.
#include "text/normalizers/charsmap.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/base64.h"
#include "base/utf8.h"
#include "formats/json.h"

namespace minnow {
namespace {

std::string RuleBytes() {
  const auto document = JsonDocument::ReadFile(std::string(MINNOW_SOURCE_DIR) +
                                               "/tests/golden/tokenizer/unigram_unicode.json");
  return FromBase64(document->root().GetString("charsmap").value()).value();
}

TEST(Charsmap, ShortestAndLongestRule) {
  const auto map = Charsmap::Parse(RuleBytes());
  ASSERT_TRUE(map.ok()) << map.error().message;
  EXPECT_EQ(map->Shortest("\uFF76\uFF9Ex").length, 3u);
  EXPECT_EQ(map->Shortest("\uFF76\uFF9Ex").replacement, "カ");
  EXPECT_EQ(map->Longest("\uFF76\uFF9Ex").length, 6u);
  EXPECT_EQ(map->Longest("\uFF76\uFF9Ex").replacement, "ガ");
  EXPECT_EQ(map->Longest("\uFF76").length, 3u);
  EXPECT_EQ(map->Longest("e").length, 0u);
  EXPECT_EQ(map->Longest("").length, 0u);
  EXPECT_EQ(map->Longest("\u200Bx").length, 3u);
  EXPECT_EQ(map->Longest("\u200Bx").replacement, "");
  EXPECT_EQ(Charsmap().Longest("\uFF76").length, 0u);
  EXPECT_EQ(Charsmap::Parse("")->Shortest("\uFF76").length, 0u);
}

TEST(Charsmap, WhatDoesNotFitIsRefused) {
  const std::string good = RuleBytes();
  for (const std::string& bytes :
       {std::string("\1\0", 2), std::string("\1\0\0\0", 4), std::string("\4\0\0\0abc", 7),
        std::string("\0\0\0\0\xFF", 5), good.substr(0, good.size() / 2), good + "\x80"}) {
    const auto map = Charsmap::Parse(bytes);
    ASSERT_FALSE(map.ok());
    EXPECT_EQ(map.error().code, Code::kCorrupt);
  }
}

// Whatever the trie holds, lookups stay inside it, and replacements are UTF-8.
TEST(Charsmap, AnyTrieIsSafe) {
  const std::string good = RuleBytes();
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (int flips = 0; flips < 20; ++flips) {
      const size_t at = 4 + random() % (bytes.size() - 4);
      bytes[at] = static_cast<char>(random());
    }
    const auto map = Charsmap::Parse(bytes);
    if (!map.ok()) continue;
    for (const char* text :
         {"\uFF76\uFF9E", "e\u0301", "\ufdfa", "\t", "\u1e9b\u0323", "0\u20e3"}) {
      for (const Charsmap::Rule& rule : {map->Shortest(text), map->Longest(text)}) {
        EXPECT_LE(rule.length, std::string_view(text).size());
        EXPECT_TRUE(IsValidUtf8(rule.replacement));
      }
    }
  }
}

// A trie of two units in which 'a' follows 'a' for ever, and its one rule has `replacement`.
std::string CircleBytes(const std::string& replacement) {
  std::vector<uint32_t> units(256, 0);
  units[0] = uint32_t{'a' ^ 8} << 10;             // to unit 8 by 'a'
  units[8] = uint32_t{'a'} << 10 | 1 << 8 | 'a';  // to unit 8 ^ 'a', which holds a value, and on
  units[8 ^ 'a'] = 0x80000000;
  std::string bytes("\0\4\0\0", 4);
  bytes.append(reinterpret_cast<const char*>(units.data()), 1024);
  return bytes + replacement + std::string(1, '\0');
}

TEST(Charsmap, NoWalkIsLong) {
  const auto map = Charsmap::Parse(CircleBytes("b"));
  ASSERT_TRUE(map.ok()) << map.error().message;
  EXPECT_EQ(map->Longest("aaab").length, 3u);
  EXPECT_EQ(map->Longest("aaab").replacement, "b");
  EXPECT_EQ(map->Longest(std::string(100000, 'a')).length, Charsmap::kMaxRule);
}

TEST(Charsmap, LongReplacementsAreRefused) {
  EXPECT_EQ(Charsmap::Parse(CircleBytes(std::string(1024, 'b')))->longest_replacement(), 1024u);
  const auto map = Charsmap::Parse(CircleBytes(std::string(1025, 'b')));
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(map.error().code, Code::kUnsupported);
}

std::string Base64(std::string_view bytes) {
  std::string out;
  AppendBase64(bytes, out);
  return out;
}

TEST(Charsmap, Base64BothWays) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(FromBase64(Base64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
  EXPECT_EQ(Base64("ab"), "YWI=");
  for (const char* wrong : {"YWI", "YW==I", "Y===", "YWJ=", "YW I", "YW-_", "===="})
    EXPECT_FALSE(FromBase64(wrong).has_value()) << wrong;
  EXPECT_EQ(FromBase64(""), "");
}

}  // namespace
}  // namespace minnow
