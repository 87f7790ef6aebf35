// SPDX-License-Identifier: Apache-2.0
// UTF-8: checking, repairing, reading and writing. Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace minnow {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// Length of the well-formed sequence that `text` (not empty) starts with, or 0; `bad` then is the
// length of the maximal ill-formed subpart, which is replaced as one.
size_t Utf8SequenceLength(std::string_view text, size_t& bad);
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

}  // namespace minnow
