// SPDX-License-Identifier: Apache-2.0
// Grapheme clusters: a look at what makes none, then the rules.
#include "text/normalizers/grapheme.h"

#include "text/unicode.h"

namespace minnow {
namespace {

// Letters that never join what stands before or behind them, unless that joins them: most of most
// texts. (Greek and Cyrillic up to U+0482, Armenian, kana, ideographs.)
bool IsPlain(char32_t c) {
  return (c >= 0xC0 && c < 0x300) || (c >= 0x370 && c < 0x483) || (c >= 0x48A && c < 0x590) ||
         (c >= 0x620 && c < 0x64B) || (c >= 0x3041 && c < 0x3097) || (c >= 0x30A1 && c < 0x30FB) ||
         (c >= 0x4E00 && c < 0xA000);
}

// Begins a cluster after any character but those of the class Prepend.
bool NeverJoins(char32_t c) { return (c < 0x80 && c != '\n') || IsPlain(c); }

}  // namespace

size_t GraphemeEnd(std::string_view text, size_t begin) {
  const char* p = text.data() + begin;
  const char* const end = text.data() + text.size();
  char32_t current = NextCodePoint(p);
  int32_t state = 0;
  for (bool first = true; p < end; first = false) {
    const char* next_end = p;
    const char32_t next = NextCodePoint(next_end);
    if (first && NeverJoins(next) && (current < 0x80 || IsPlain(current))) break;
    if (IsGraphemeBreak(current, next, state)) break;
    current = next;
    p = next_end;
  }
  return static_cast<size_t>(p - text.data());
}

}  // namespace minnow
