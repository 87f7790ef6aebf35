// SPDX-License-Identifier: Apache-2.0
// Unicode properties: utf8proc, corrected by the measured differences.
#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/check.h"
#include "text/unicode_differences.h"

namespace minnow {
namespace {

// Length of the well-formed sequence at `p`, or 0; `bad` then is the length of the maximal
// ill-formed subpart. The second byte's bounds are those of table 3-7 of the Unicode standard.
size_t SequenceLength(const unsigned char* p, const unsigned char* end, size_t& bad) {
  bad = 1;
  const unsigned char lead = *p;
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i) {
    if (p + i == end || p[i] < low || p[i] > high) {
      bad = i;
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

// Moves past eight ASCII bytes at a time.
const unsigned char* SkipAscii(const unsigned char* p, const unsigned char* end) {
  while (end - p >= 8) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    if ((word & 0x8080808080808080u) != 0) break;
    p += 8;
  }
  while (p < end && *p < 0x80) ++p;
  return p;
}

// What the differences say of `c`: the range that holds it, or null.
const PropertyDifference* FindDifference(std::span<const PropertyDifference> differences,
                                         char32_t c) {
  const auto after =
      std::upper_bound(differences.begin(), differences.end(), c,
                       [](char32_t value, const PropertyDifference& d) { return value < d.first; });
  if (after == differences.begin()) return nullptr;
  const PropertyDifference& candidate = *(after - 1);
  return c <= candidate.last ? &candidate : nullptr;
}

bool Corrected(std::span<const PropertyDifference> differences, char32_t c, bool value) {
  const PropertyDifference* difference = FindDifference(differences, c);
  return difference == nullptr ? value : difference->value != 0;
}

int Category(char32_t c) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->category;
}

const MappingDifference* FindMapping(std::span<const MappingDifference> mappings, char32_t c) {
  const auto at =
      std::lower_bound(mappings.begin(), mappings.end(), c,
                       [](const MappingDifference& m, char32_t value) { return m.from < value; });
  return at != mappings.end() && at->from == c ? &*at : nullptr;
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  while ((p = SkipAscii(p, end)) < end) {
    size_t bad;
    const size_t length = SequenceLength(p, end, bad);
    if (length == 0) return false;
    p += length;
  }
  return true;
}

std::string RepairUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  while (p < end) {
    size_t bad;
    const size_t length = SequenceLength(p, end, bad);
    if (length == 0) {
      AppendUtf8(kReplacementCharacter, out);
      p += bad;
    } else {
      out.append(reinterpret_cast<const char*>(p), length);
      p += length;
    }
  }
  return out;
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !IsUtf8Continuation(byte); }));
}

void AppendUtf8(char32_t c, std::string& out) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    const char bytes[] = {static_cast<char>(0xC0 | c >> 6), tail(0)};
    out.append(bytes, sizeof(bytes));
  } else if (c < 0x10000) {
    const char bytes[] = {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
    out.append(bytes, sizeof(bytes));
  } else {
    const char bytes[] = {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
    out.append(bytes, sizeof(bytes));
  }
}

bool IsWhiteSpace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsOther(char32_t c) {
  const int category = Category(c);
  return Corrected(kOtherDifferences, c,
                   category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
                       category == UTF8PROC_CATEGORY_CO);
}

bool IsPunctuation(char32_t c) {
  const int category = Category(c);
  return Corrected(kPunctuationDifferences, c,
                   category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO);
}

bool IsNonspacingMark(char32_t c) {
  return Corrected(kNonspacingMarkDifferences, c, Category(c) == UTF8PROC_CATEGORY_MN);
}

bool IsMark(char32_t c) {
  const int category = Category(c);
  return Corrected(kMarkDifferences, c,
                   category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME);
}

bool IsWord(char32_t c) {
  const int category = Category(c);
  return Corrected(kWordDifferences, c,
                   (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) ||
                       category == UTF8PROC_CATEGORY_PC);
}

uint8_t CanonicalCombiningClass(char32_t c) {
  if (const auto* difference = FindDifference(kCombiningClassDifferences, c))
    return difference->value;
  return static_cast<uint8_t>(
      utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class);
}

size_t ToLowercase(char32_t c, char32_t out[kMaxLowercase]) {
  if (const auto* mapping = FindMapping(kLowercaseDifferences, c)) {
    std::copy_n(mapping->to, mapping->size, out);
    return mapping->size;
  }
  out[0] = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  return 1;
}

size_t Decompose(char32_t c, Decomposition kind, char32_t out[kMaxDecomposition]) {
  const bool canonical = kind == Decomposition::kCanonical;
  const auto none = canonical ? std::span<const PropertyDifference>(kNoCanonicalDifferences)
                              : std::span<const PropertyDifference>(kNoCompatibilityDifferences);
  if (FindDifference(none, c) != nullptr) {
    out[0] = c;
    return 1;
  }
  utf8proc_int32_t buffer[kMaxDecomposition];
  int boundary_class = UTF8PROC_BOUNDCLASS_START;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (canonical ? 0 : UTF8PROC_COMPAT));
  const utf8proc_ssize_t size = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), buffer, kMaxDecomposition, options, &boundary_class);
  // Every mapping of Unicode fits: the longest is U+FDFA, 18 code points.
  CHECK(size > 0 && size <= static_cast<utf8proc_ssize_t>(kMaxDecomposition));
  std::copy_n(buffer, size, out);
  return static_cast<size_t>(size);
}

}  // namespace minnow
