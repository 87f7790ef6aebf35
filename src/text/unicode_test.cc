// SPDX-License-Identifier: Apache-2.0
// UTF-8, and every property over every code point against checksums of Hugging Face's answers. A
// newer utf8proc fails here until tools/make_unicode_differences.py has been run again.
#include "text/unicode.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "formats/json.h"
#include "text/normalizers/bert_normalizer.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

class Crc32 {
 public:
  Crc32() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320u ^ c >> 1 : c >> 1;
      table_[i] = c;
    }
  }
  void Add(std::string_view bytes) {
    for (const char byte : bytes)
      state_ = table_[(state_ ^ static_cast<uint8_t>(byte)) & 0xFF] ^ state_ >> 8;
  }
  uint32_t value() const { return ~state_; }

 private:
  std::array<uint32_t, 256> table_;
  uint32_t state_ = 0xFFFFFFFFu;
};

template <class TextOf>
uint32_t Checksum(const TextOf& text_of) {
  Crc32 crc;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    crc.Add(text_of(c));
  }
  return crc.value();
}

uint32_t ChecksumOf(bool (*property)(char32_t)) {
  return Checksum([property](char32_t c) { return std::string(1, property(c) ? '\1' : '\0'); });
}

// Of what `normalizer` makes of `before` + each code point + `after`.
uint32_t ChecksumOf(const Normalizer& normalizer, const std::string& before,
                    const std::string& after) {
  NormalizedText out;
  return Checksum([&](char32_t c) {
    std::string text = before;
    AppendUtf8(c, text);
    text += after;
    normalizer.Normalize({text, nullptr}, out);
    return std::string_view(out.bytes);
  });
}

TEST(UnicodeTest, EveryCodePointAgreesWithHuggingFace) {
  auto document = JsonDocument::ReadFile(std::string(MINNOW_SOURCE_DIR) +
                                         "/tests/golden/tokenizer/unicode.json");
  ASSERT_TRUE(document.ok()) << document.error().message;
  const auto expected = [&](const char* name) {
    return document->root().GetInt(name, 0, UINT32_MAX).value();
  };
  EXPECT_EQ(ChecksumOf([](char32_t c) {
              return c == 0 || c == kReplacementCharacter ||
                     (IsOther(c) && c != '\t' && c != '\n' && c != '\r');
            }),
            expected("dropped"));
  EXPECT_EQ(ChecksumOf(IsWhiteSpace), expected("space"));
  EXPECT_EQ(ChecksumOf([](char32_t c) {
              constexpr std::string_view kAsciiSymbols = "$+<=>^`|~";
              return IsPunctuation(c) ||
                     (c < 0x80 && kAsciiSymbols.find(static_cast<char>(c)) != std::string::npos);
            }),
            expected("punctuation"));
  EXPECT_EQ(ChecksumOf(IsWord), expected("word"));
  EXPECT_EQ(ChecksumOf(IsMark), expected("mark"));
  EXPECT_EQ(ChecksumOf(IsLetter), expected("letter"));
  EXPECT_EQ(ChecksumOf(IsNumber), expected("number"));
  EXPECT_EQ(ChecksumOf(IsNumeric), expected("numeric"));
  EXPECT_EQ(ChecksumOf(*MakeCompose(Decomposition::kCanonical), "a\u0301", "\u0316\u0301"),
            expected("nfc"));
  EXPECT_EQ(ChecksumOf(*MakeCompose(Decomposition::kCompatibility), "a\u0327", "\u0301"),
            expected("nfkc"));
  EXPECT_EQ(ChecksumOf(*MakeLowercase(), "", ""), expected("lowercase"));
  EXPECT_EQ(ChecksumOf(*MakeDecompose(Decomposition::kCanonical), "a\u0301", "\u0316"),
            expected("nfd"));
  EXPECT_EQ(ChecksumOf(*MakeDecompose(Decomposition::kCompatibility), "a\u0327", "\u0301"),
            expected("nfkd"));
  const BertNormalizer strip({.clean_text = false,
                              .handle_chinese_chars = false,
                              .strip_accents = true,
                              .lowercase = false});
  EXPECT_EQ(ChecksumOf(strip, "a", ""), expected("stripped"));
}

// The normalizers of Unigram tokenizers; the file is made by tools/make_unigram_golden.py.
TEST(UnicodeTest, EveryCodePointIsNormalizedAsByHuggingFace) {
  auto document = JsonDocument::ReadFile(std::string(MINNOW_SOURCE_DIR) +
                                         "/tests/golden/tokenizer/unigram_unicode.json");
  ASSERT_TRUE(document.ok()) << document.error().message;
  const auto expected = [&](const char* name) {
    return document->root().GetInt(name, 0, UINT32_MAX).value();
  };
  const auto read = [](const std::string& json) {
    return ReadNormalizer(JsonDocument::Parse(json, "t.json")->root()).value();
  };
  EXPECT_EQ(ChecksumOf(*MakeCompose(Decomposition::kCanonical), "a", "\u0301e"), expected("nfc"));
  EXPECT_EQ(ChecksumOf(*MakeCompose(Decomposition::kCompatibility), "\u0327", "\u0338\u0301"),
            expected("nfkc"));
  EXPECT_EQ(ChecksumOf(*MakeNmt(), "", ""), expected("nmt"));
  const auto strip = MakeStrip(true, true);
  NormalizedText out;
  EXPECT_EQ(Checksum([&](char32_t c) {
              std::string text;
              AppendUtf8(c, text);
              strip->Normalize({text + "a" + text, nullptr}, out);
              return std::string_view(out.bytes);
            }),
            expected("stripped"));
  const auto space = read(R"({"type": "Replace", "pattern": {"Regex": "\\s"}, "content": "_"})");
  EXPECT_EQ(ChecksumOf(*space, "", ""), expected("space"));
  const auto rules = read(R"({"type": "Precompiled", "precompiled_charsmap": ")" +
                          std::string(document->root().GetString("charsmap").value()) + "\"}");
  EXPECT_EQ(ChecksumOf(*rules, "~", "."), expected("joins"));
  EXPECT_EQ(ChecksumOf(*rules, "", "e\u0301."), expected("joined"));
  EXPECT_EQ(ChecksumOf(*rules, "", "\u0340\u0301."), expected("marked"));
}

TEST(UnicodeTest, Utf8RoundTrip) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    std::string text;
    AppendUtf8(c, text);
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    ASSERT_EQ(IsValidUtf8(text), !surrogate);
    if (surrogate) continue;
    const char* p = text.data();
    ASSERT_EQ(NextCodePoint(p), c);
    ASSERT_EQ(p, text.data() + text.size());
    ASSERT_EQ(CountCodePoints(text), 1u);
    ASSERT_EQ(RepairUtf8(text), text);
  }
}

TEST(UnicodeTest, ComposesPairs) {
  EXPECT_EQ(Compose('e', 0x301), 0xE9u);
  EXPECT_EQ(Compose(0x1100, 0x1161), 0xAC00u);
  EXPECT_EQ(Compose(0xAC00, 0x11A8), 0xAC01u);
  EXPECT_EQ(Compose(0xAC01, 0x11A8), 0u);  // has a tail already
  EXPECT_EQ(Compose(0xAC00, 0x11A7), 0u);  // stands before the first tail
  EXPECT_EQ(Compose(0x915, 0x93C), 0u);    // excluded from composition
  EXPECT_EQ(Compose('a', 'b'), 0u);
}

// The examples of the Unicode standard, tables 3-8 to 3-11.
TEST(UnicodeTest, RepairReplacesMaximalSubparts) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(RepairUtf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                       "A"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                       "A"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xF4\x91\x92\x93\xFF"
                       "A\x80\xBF"
                       "B"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(RepairUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                       "A"),
            r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("ok \xE4\xB8"), "ok " + r);
  EXPECT_FALSE(IsValidUtf8("12345678\x80"));
  EXPECT_TRUE(IsValidUtf8(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace minnow
