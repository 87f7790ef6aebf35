// SPDX-License-Identifier: Apache-2.0
// Unicode properties: utf8proc, corrected by the measured differences.
#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/check.h"
#include "text/unicode_differences.h"

namespace minnow {
namespace {

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

// A code point that joins its neighbours as `c` does.
utf8proc_int32_t GraphemeStandIn(char32_t c) {
  // Joins: marks behind it; what is before it; what is behind it; nothing.
  constexpr utf8proc_int32_t kStandIns[] = {'a', 0x300, 0x600, 0x01};
  const auto* difference = FindDifference(kGraphemeDifferences, c);
  return difference == nullptr ? static_cast<utf8proc_int32_t>(c) : kStandIns[difference->value];
}

}  // namespace

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

bool IsPunctuationOrAsciiSymbol(char32_t c) {
  if (c >= 0x80) return IsPunctuation(c);
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

bool IsLetter(char32_t c) {
  const int category = Category(c);
  return Corrected(kLetterDifferences, c,
                   category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO);
}

bool IsNumber(char32_t c) {
  const int category = Category(c);
  return Corrected(kNumberDifferences, c,
                   category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool IsNumeric(char32_t c) {
  const int category = Category(c);
  return Corrected(kNumericDifferences, c,
                   category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
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

bool IsGraphemeBreak(char32_t first, char32_t second, int32_t& state) {
  return utf8proc_grapheme_break_stateful(GraphemeStandIn(first), GraphemeStandIn(second), &state);
}

char32_t Compose(char32_t first, char32_t second) {
  if (first < 0x80 && second < 0x80) return 0;
  // Conjoining jamo, by the standard's arithmetic (section 3.12).
  constexpr char32_t kSyllables = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
  constexpr char32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28;
  if (first >= kLeads && first < kLeads + kLeadCount && second >= kVowels &&
      second < kVowels + kVowelCount) {
    return kSyllables + ((first - kLeads) * kVowelCount + (second - kVowels)) * kTailCount;
  }
  if (first >= kSyllables && first < kSyllables + kLeadCount * kVowelCount * kTailCount &&
      (first - kSyllables) % kTailCount == 0) {
    return second > kTails && second < kTails + kTailCount ? first + (second - kTails) : 0;
  }
  // STABLE leaves out what Unicode excludes from composition.
  utf8proc_int32_t pair[3] = {static_cast<utf8proc_int32_t>(first),
                              static_cast<utf8proc_int32_t>(second), 0};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (utf8proc_normalize_utf32(pair, 2, options) != 1) return 0;
  const auto composed = static_cast<char32_t>(pair[0]);
  return FindDifference(kNoCanonicalDifferences, composed) == nullptr ? composed : 0;
}

}  // namespace minnow
