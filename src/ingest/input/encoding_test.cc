// SPDX-License-Identifier: Apache-2.0
// Every sequence of every encoding against what Python's codecs make of it
// (tools/make_encoding_tables.py prints the checksums), in one piece and cut everywhere.
#include "ingest/input/encoding.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <vector>

#include "text/unicode.h"

namespace minnow {
namespace {

std::string Decode(TextEncoding encoding, std::string_view bytes) {
  std::string text;
  EXPECT_EQ(DecodeText(encoding, bytes, /*last=*/true, &text), bytes.size());
  return text;
}

// A code that is wrong is one byte 0xFF, another is its text and a line break, as in the script.
uint32_t Checksum(TextEncoding encoding, const std::vector<std::string>& codes) {
  uLong checksum = 0;
  for (const std::string& code : codes) {
    std::string text = Decode(encoding, code);
    text = text.find(kUndecodable) == text.npos ? text + "\n" : std::string(1, kUndecodable);
    checksum = ::crc32(checksum, reinterpret_cast<const Bytef*>(text.data()),
                       static_cast<uInt>(text.size()));
  }
  return static_cast<uint32_t>(checksum);
}

std::string Bytes(std::initializer_list<size_t> values) {
  std::string bytes;
  for (const size_t value : values) bytes += static_cast<char>(value);
  return bytes;
}

TEST(TextEncoding, EverySequenceAsPythonDecodesIt) {
  std::vector<std::string> pairs, fours, singles;
  for (size_t lead = 0x80; lead < 0x100; ++lead) {
    for (size_t trail = 0; trail < 0x100; ++trail) pairs.push_back(Bytes({lead, trail}));
  }
  const auto four = [](size_t n) {
    return Bytes({0x81 + n / 12600, 0x30 + n / 1260 % 10, 0x81 + n / 10 % 126, 0x30 + n % 10});
  };
  for (size_t n = 0; n < 39420 + 200; ++n) fours.push_back(four(n));
  for (size_t n = 189000; n < 189000 + 0x100000 + 200; ++n) fours.push_back(four(n));
  for (size_t byte = 0; byte < 0x100; ++byte) singles.push_back(Bytes({byte}));
  EXPECT_EQ(Checksum(TextEncoding::kCp949, pairs), 0xdfaea433u);
  EXPECT_EQ(Checksum(TextEncoding::kShiftJis, pairs), 0x91813820u);
  EXPECT_EQ(Checksum(TextEncoding::kGb18030, pairs), 0xf4d7c8c5u);
  EXPECT_EQ(Checksum(TextEncoding::kGb18030, fours), 0x829c28cbu);
  EXPECT_EQ(Checksum(TextEncoding::kWindows1252, singles), 0xde0e68c4u);
  EXPECT_EQ(Decode(TextEncoding::kLatin1, "\x80\xE9\xFF"), "\xC2\x80é\xC3\xBF");
}

TEST(TextEncoding, Utf16) {
  EXPECT_EQ(Decode(TextEncoding::kUtf16Le, std::string_view("a\0\xE9\0\x3D\xD8\0\xDE", 8)), "aé😀");
  EXPECT_EQ(Decode(TextEncoding::kUtf16Be, std::string_view("\0a\xD8\x3D\xDE\0", 6)), "a😀");
  // Lone surrogates, and half a unit at the end.
  EXPECT_EQ(Decode(TextEncoding::kUtf16Be, std::string_view("\xD8\x3D\0a\xDE\0\0", 7)),
            "\xFF"
            "a\xFF\xFF");
}

TEST(TextEncoding, CutsChangeNothing) {
  const std::string gb = Bytes({'a', 0xD6, 0xD0, 0x81, 0x30, 0x81, 0x30, 0x90, 0x30, 0x81, 0x30,
                                0xFF, 'b', 0x81, '\n', 0xD6});
  const std::string whole = Decode(TextEncoding::kGb18030, gb);
  EXPECT_EQ(whole,
            "a中\xC2\x80𐀀\xFF"
            "b\xFF\n\xFF");
  for (size_t cut = 0; cut <= gb.size(); ++cut) {
    std::string text;
    const std::string_view bytes = gb;
    const size_t used =
        DecodeText(TextEncoding::kGb18030, bytes.substr(0, cut), /*last=*/false, &text);
    EXPECT_LE(cut - used, 3u);
    DecodeText(TextEncoding::kGb18030, bytes.substr(used), /*last=*/true, &text);
    EXPECT_EQ(text, whole) << cut;
  }
}

TEST(TextEncoding, Names) {
  const auto is = [](std::string_view name, TextEncoding encoding) {
    EXPECT_EQ(FindEncoding(name), encoding) << name;
  };
  for (const char* name : {"utf-8", "UTF8", "utf_8"}) is(name, TextEncoding::kUtf8);
  for (const char* name : {"latin1", "ISO-8859-1", "iso8859-1"}) is(name, TextEncoding::kLatin1);
  for (const char* name : {"cp1252", "Windows-1252"}) is(name, TextEncoding::kWindows1252);
  for (const char* name : {"cp949", "EUC-KR", "euckr", "uhc"}) is(name, TextEncoding::kCp949);
  for (const char* name : {"Shift_JIS", "sjis", "cp932"}) is(name, TextEncoding::kShiftJis);
  for (const char* name : {"gb18030", "GBK", "gb2312"}) is(name, TextEncoding::kGb18030);
  is("UTF-16LE", TextEncoding::kUtf16Le);
  is("utf-16be", TextEncoding::kUtf16Be);
  for (const char* name : {"", "latin", "utf-7", "koi8-r"})
    EXPECT_FALSE(FindEncoding(name)) << name;
}

std::string Utf16(std::u16string_view text, bool big) {
  std::string bytes;
  for (const char16_t c : text) {
    const char high = static_cast<char>(c >> 8), low = static_cast<char>(c & 0xFF);
    bytes += big ? high : low;
    bytes += big ? low : high;
  }
  return bytes;
}

TEST(TextEncoding, WhatABeginningTells) {
  const auto found = [](std::string_view text, std::optional<TextEncoding> told = std::nullopt) {
    return FindEncodingOf(text, told).encoding;
  };
  for (const bool big : {false, true}) {
    const TextEncoding expected = big ? TextEncoding::kUtf16Be : TextEncoding::kUtf16Le;
    for (const std::u16string_view text : {u"a small fish\n", u"한국어, 그리고\n",
                                           u"и так далее, и тому\n", u"一二三\n中文。\n一\n"}) {
      EXPECT_EQ(found(Utf16(text, big)), expected) << big;
      EXPECT_EQ(found(Utf16(text, big) + (big ? std::string("\0", 1) : "a")), expected) << "cut";
      EXPECT_EQ(found(Utf16(u"\uFEFF" + std::u16string(text), big), TextEncoding::kCp949),
                expected);
    }
  }
  EXPECT_EQ(FindEncodingOf("\xEF\xBB\xBF"
                           "a",
                           TextEncoding::kLatin1)
                .mark_bytes,
            3u);
  EXPECT_EQ(found("a", TextEncoding::kLatin1), TextEncoding::kLatin1);
  EXPECT_EQ(found("plain"), TextEncoding::kUtf8);
  EXPECT_EQ(found(""), TextEncoding::kUtf8);
  // Zeros elsewhere are no UTF-16.
  EXPECT_EQ(found(std::string_view("id,text\n1,a\0b\n", 14)), TextEncoding::kUtf8);
  EXPECT_EQ(found(std::string_view("\x89PNG\0\0\0\r", 8)), TextEncoding::kUtf8);
  EXPECT_EQ(found(std::string(64, '\0')), TextEncoding::kUtf8);
}

}  // namespace
}  // namespace minnow
