// SPDX-License-Identifier: Apache-2.0
// Unicode as Hugging Face tokenizers sees it: UTF-8, character classes, lower case, decomposition.
//
// That library takes each property from another Rust crate, each frozen at its own Unicode version.
// Here utf8proc gives the property, and unicode_differences.h (measured, not written by hand)
// corrects the code points where the two differ, so that every code point agrees. Functions are
// pure and total over 0..0x10FFFF. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace minnow {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// True where `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view text);
// `text` with each maximal ill-formed subpart replaced by U+FFFD (the Unicode standard,
// section 3.9).
std::string RepairUtf8(std::string_view text);

// The number of code points. REQUIRES: well-formed UTF-8.
size_t CountCodePoints(std::string_view text);

// Reads one code point and moves `p` past it. REQUIRES: `p` is at the start of a well-formed
// sequence.
inline char32_t NextCodePoint(const char*& p) {
  const auto byte = [&p](int i) { return static_cast<unsigned char>(p[i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return p += 1, lead;
  if (lead < 0xE0) {
    const char32_t c = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    return p += 2, c;
  }
  if (lead < 0xF0) {
    const char32_t c = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return p += 3, c;
  }
  const char32_t c =
      (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return p += 4, c;
}

inline bool IsAscii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }
inline bool IsUtf8Continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

void AppendUtf8(char32_t c, std::string& out);

bool IsWhiteSpace(char32_t c);  // the property White_Space
bool IsOther(char32_t c);  // general category Cc, Cf or Co: what BERT calls a control character
bool IsPunctuation(char32_t c);     // general category P*
bool IsNonspacingMark(char32_t c);  // general category Mn
bool IsMark(char32_t c);            // general category M*
bool IsWord(char32_t c);            // \w of a regular expression

uint8_t CanonicalCombiningClass(char32_t c);

inline constexpr size_t kMaxLowercase = 2;
// Writes the lower case of `c`, by itself and in no context, and returns how many code points that
// is (1 or 2).
size_t ToLowercase(char32_t c, char32_t out[kMaxLowercase]);

enum class Decomposition { kCanonical, kCompatibility };
inline constexpr size_t kMaxDecomposition = 18;
// Writes the full decomposition of `c` (itself where it has none) and returns how many code points
// that is.
size_t Decompose(char32_t c, Decomposition kind, char32_t out[kMaxDecomposition]);

}  // namespace minnow
