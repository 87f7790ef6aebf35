// SPDX-License-Identifier: Apache-2.0
// One function for each way of writing characters. The tables are made by
// tools/make_encoding_tables.py and put into the program by cmake/encodings.cmake.
#include "ingest/input/encoding.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"
#include "text/unicode.h"

namespace minnow {

std::string_view PackedEncodingTables();  // of the generated source

namespace {

constexpr size_t kFirstLead = 0x81, kFirstTrail = 0x40, kEndOfCodes = 0xFF;
constexpr size_t kTrails = kEndOfCodes - kFirstTrail;
constexpr size_t kCodes = (kEndOfCodes - kFirstLead) * kTrails;
// The codes of four bytes that stand for code points below 0x10000, and the first one above.
constexpr size_t kFourByteCodes = 39420, kFourByteBeyond = 189000;

struct Name {
  std::string_view name;  // small letters and digits only
  TextEncoding encoding;
};
constexpr Name kNames[] = {
    {"utf8", TextEncoding::kUtf8},           {"utf8sig", TextEncoding::kUtf8},
    {"ascii", TextEncoding::kUtf8},          {"usascii", TextEncoding::kUtf8},
    {"utf16", TextEncoding::kUtf16Le},       {"utf16le", TextEncoding::kUtf16Le},
    {"utf16be", TextEncoding::kUtf16Be},     {"ucs2", TextEncoding::kUtf16Le},
    {"latin1", TextEncoding::kLatin1},       {"iso88591", TextEncoding::kLatin1},
    {"l1", TextEncoding::kLatin1},           {"windows1252", TextEncoding::kWindows1252},
    {"cp1252", TextEncoding::kWindows1252},  {"win1252", TextEncoding::kWindows1252},
    {"cp949", TextEncoding::kCp949},         {"euckr", TextEncoding::kCp949},
    {"ms949", TextEncoding::kCp949},         {"windows949", TextEncoding::kCp949},
    {"uhc", TextEncoding::kCp949},           {"ksc56011987", TextEncoding::kCp949},
    {"shiftjis", TextEncoding::kShiftJis},   {"sjis", TextEncoding::kShiftJis},
    {"cp932", TextEncoding::kShiftJis},      {"ms932", TextEncoding::kShiftJis},
    {"windows31j", TextEncoding::kShiftJis}, {"xsjis", TextEncoding::kShiftJis},
    {"gb18030", TextEncoding::kGb18030},     {"gbk", TextEncoding::kGb18030},
    {"gb2312", TextEncoding::kGb18030},      {"cp936", TextEncoding::kGb18030},
    {"ms936", TextEncoding::kGb18030},       {"euccn", TextEncoding::kGb18030},
};
constexpr const char* kEncodingNames[] = {"utf-8",        "utf-16le", "utf-16be",  "latin1",
                                          "windows-1252", "cp949",    "shift_jis", "gb18030"};

// Windows' characters at 0x80..0x9F; 0 for none.
constexpr char16_t kWindows1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

struct Tables {
  std::array<std::vector<char16_t>, 3> two_bytes;  // cp949, shift_jis, gb18030
  std::vector<char16_t> four_bytes;                // of gb18030, in order
};

const Tables& GetTables() {
  static const std::unique_ptr<const Tables> tables = [] {
    auto made = std::make_unique<Tables>();
    std::vector<unsigned char> planes(made->two_bytes.size() * 2 * kCodes);
    const std::string_view packed = PackedEncodingTables();
    uLongf size = planes.size();
    CHECK(::uncompress(planes.data(), &size, reinterpret_cast<const Bytef*>(packed.data()),
                       packed.size()) == Z_OK);
    CHECK(size == planes.size());
    const unsigned char* low = planes.data();
    for (auto& table : made->two_bytes) {
      unsigned before = 0;
      for (size_t i = 0; i < kCodes; ++i) {
        const unsigned difference = low[i] | unsigned{low[kCodes + i]} << 8;
        if (difference != 0) before = (before + difference) & 0xFFFF;
        table.push_back(difference == 0 ? u'\0' : static_cast<char16_t>(before));
      }
      low += 2 * kCodes;
    }
    // What two bytes do not say, four do, in order.
    std::vector<bool> said(0x10000);
    for (const char16_t c : made->two_bytes[2]) said[c] = true;
    for (unsigned c = 0x80; c < 0x10000; ++c) {
      if (!said[c] && (c < 0xD800 || c >= 0xE000)) {
        made->four_bytes.push_back(static_cast<char16_t>(c));
      }
    }
    CHECK(made->four_bytes.size() == kFourByteCodes);
    return made;
  }();
  return *tables;
}

// A character, and how many bytes it takes; 0 bytes: its end is not there yet.
struct Decoded {
  char32_t c = 0;
  size_t bytes = 1;
  bool good = true;
};
constexpr Decoded kBad{0, 1, false};
constexpr Decoded kCut{0, 0, false};

Decoded DecodeUtf16(std::string_view bytes, bool big) {
  const auto unit = [&](size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(big ? first << 8 | second : second << 8 | first);
  };
  if (bytes.size() < 2) return kCut;
  const char32_t first = unit(0);
  if (first < 0xD800 || first >= 0xE000) return {first, 2, true};
  if (first >= 0xDC00) return {0, 2, false};
  if (bytes.size() < 4) return kCut;
  const char32_t second = unit(2);
  if (second < 0xDC00 || second >= 0xE000) return {0, 2, false};
  return {0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), 4, true};
}

Decoded DecodeFourBytes(std::string_view bytes) {
  if (bytes.size() < 4) return kCut;
  const auto digit = [&](size_t at, unsigned first) {
    return static_cast<size_t>(static_cast<unsigned char>(bytes[at])) - first;
  };
  const size_t third = digit(2, 0x81), fourth = digit(3, 0x30);
  if (third >= 126 || fourth >= 10) return kBad;
  const size_t code = ((digit(0, 0x81) * 10 + digit(1, 0x30)) * 126 + third) * 10 + fourth;
  if (code < kFourByteCodes) return {GetTables().four_bytes[code], 4, true};
  const size_t beyond = code - kFourByteBeyond;  // wraps round below it
  if (beyond >= 0x100000) return kBad;
  return {static_cast<char32_t>(0x10000 + beyond), 4, true};
}

// Half-width katakana, and what Windows makes of the rest.
Decoded DecodeShiftJisByte(unsigned char byte) {
  if (byte == 0x80) return {byte, 1, true};
  if (byte == 0xA0) return {0xF8F0, 1, true};
  if (byte >= 0xFD) return {char32_t{0xF8F1} + (byte - 0xFDu), 1, true};
  return {char32_t{0xFF61} + (byte - 0xA1u), 1, true};
}

Decoded DecodeMultiByte(TextEncoding encoding, std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (encoding == TextEncoding::kShiftJis &&
      (lead == 0x80 || (lead >= 0xA0 && lead < 0xE0) || lead >= 0xFD)) {
    return DecodeShiftJisByte(lead);
  }
  if (lead < kFirstLead || lead >= kEndOfCodes) return kBad;
  if (bytes.size() < 2) return kCut;
  const auto trail = static_cast<unsigned char>(bytes[1]);
  if (encoding == TextEncoding::kGb18030 && trail >= '0' && trail <= '9')
    return DecodeFourBytes(bytes);
  if (trail < kFirstTrail || trail >= kEndOfCodes) return kBad;
  const auto table = static_cast<size_t>(encoding) - static_cast<size_t>(TextEncoding::kCp949);
  const char32_t c =
      GetTables().two_bytes[table][(lead - kFirstLead) * kTrails + (trail - kFirstTrail)];
  return c == 0 ? kBad : Decoded{c, 2, true};
}

Decoded DecodeOne(TextEncoding encoding, std::string_view bytes) {
  if (encoding == TextEncoding::kUtf16Le || encoding == TextEncoding::kUtf16Be) {
    return DecodeUtf16(bytes, encoding == TextEncoding::kUtf16Be);
  }
  const auto byte = static_cast<unsigned char>(bytes[0]);
  if (byte < 0x80) return {byte, 1, true};
  if (encoding == TextEncoding::kWindows1252 && byte < 0xA0) {
    const char32_t c = kWindows1252[byte - 0x80];
    return c == 0 ? kBad : Decoded{c, 1, true};
  }
  if (encoding == TextEncoding::kLatin1 || encoding == TextEncoding::kWindows1252)
    return {byte, 1, true};
  return DecodeMultiByte(encoding, bytes);
}

// Whether `text` is UTF-16 by where its zero bytes are: the high bytes of ASCII. Where they are
// few, as in Chinese, it must not be a text in UTF-8 with a zero in it.
bool HasZerosOfUtf16(std::string_view text, TextEncoding encoding) {
  text = text.substr(0, text.size() / 2 * 2);
  const size_t high = encoding == TextEncoding::kUtf16Le ? 1 : 0;
  size_t zeros = 0, others = 0;
  for (size_t i = 0; i < text.size(); i += 2) {
    zeros += text[i + high] == 0;
    others += text[i + 1 - high] == 0;
  }
  if (zeros <= others) return false;
  if (zeros * 3 < text.size() && IsValidUtf8(text)) {
    std::string rest(text);
    std::erase(rest, '\0');
    if (!HasControls(rest)) return false;
  }
  std::string decoded;
  DecodeText(encoding, text, /*last=*/false, &decoded);
  return decoded.find(kUndecodable) == decoded.npos && !HasControls(decoded);
}

}  // namespace

std::optional<TextEncoding> FindEncoding(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) plain += c;
  }
  for (const Name& known : kNames) {
    if (known.name == plain) return known.encoding;
  }
  return std::nullopt;
}

const char* EncodingName(TextEncoding encoding) {
  return kEncodingNames[static_cast<size_t>(encoding)];
}

std::string EncodingNames() {
  std::string names;
  for (const char* name : kEncodingNames) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

EncodedBeginning FindEncodingOf(std::string_view beginning, std::optional<TextEncoding> told) {
  if (beginning.starts_with("\xEF\xBB\xBF")) return {TextEncoding::kUtf8, 3};
  if (beginning.starts_with("\xFF\xFE")) return {TextEncoding::kUtf16Le, 2};
  if (beginning.starts_with("\xFE\xFF")) return {TextEncoding::kUtf16Be, 2};
  if (told) return {*told, 0};
  for (const TextEncoding encoding : {TextEncoding::kUtf16Le, TextEncoding::kUtf16Be}) {
    if (HasZerosOfUtf16(beginning, encoding)) return {encoding, 0};
  }
  return {};
}

size_t DecodeText(TextEncoding encoding, std::string_view bytes, bool last, std::string* text) {
  if (encoding == TextEncoding::kUtf8) {
    text->append(bytes);
    return bytes.size();
  }
  size_t at = 0;
  while (at < bytes.size()) {
    const Decoded decoded = DecodeOne(encoding, bytes.substr(at));
    if (decoded.bytes == 0 && !last) break;
    if (decoded.good) {
      AppendUtf8(decoded.c, *text);
    } else {
      *text += kUndecodable;
    }
    at += std::max<size_t>(decoded.bytes, 1);
  }
  return at;
}

bool HasControls(std::string_view text) {
  constexpr std::string_view kOfText = "\t\n\v\f\r\b\x1B";  // the last two are of terminals
  return std::any_of(text.begin(), text.end(), [&](char c) {
    return static_cast<unsigned char>(c) < ' ' && kOfText.find(c) == kOfText.npos;
  });
}

std::string NotInEncoding(TextEncoding encoding) {
  if (encoding != TextEncoding::kUtf8) return std::string("not ") + EncodingName(encoding);
  return "not UTF-8; if it is in another encoding, name that: --encoding " +
         EncodingNames().substr(std::string_view("utf-8, ").size());
}

}  // namespace minnow
