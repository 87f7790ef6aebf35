// SPDX-License-Identifier: Apache-2.0
// Folding: one spelling for what searchers take to be the same letter. Index and query share it.
//
// Full case folding and compatibility forms (Unicode, by utf8proc); marks of Latin, Greek,
// Cyrillic, Hebrew and Arabic go, but for the breve of the Russian short i; letters that do not
// decompose become plain ones (fold_table.h). Kana keep their voicing, Indic and Thai letters their
// vowel signs, and Hangul is composed. Pure; safe on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace minnow {

// What a character is to words. A change between two scripts ends a word.
enum class Script : uint8_t {
  kNone,   // white space, punctuation, symbols: between words
  kDigit,  // belongs to the word of any spaced script
  kLatin,
  kGreek,
  kCyrillic,
  kHebrew,
  kArabic,
  kOther,
  kIndic,  // and the nine after it, a script each
  // Scripts without spaces between words, and Hangul.
  kHan = 32,  // and kana
  kHangul,
  kThai,
  kLao,
  kMyanmar,
  kKhmer,
  kOtherDense,
};

inline bool IsDense(Script script) { return script >= Script::kHan; }

// A letter with the marks that follow it.
struct Character {
  size_t end = 0;  // of its bytes
  Script script = Script::kNone;
  bool upper = false;
  bool lower = false;
  char sign = 0;  // of kNone: the ASCII character that it is, also in full width
};

// Reads the character that begins at text[at] and appends its folded form, UTF-8, to `folded`
// (nothing for kNone). Total: a byte that is no UTF-8 is a character of kNone.
// REQUIRES: at < text.size()
Character ReadCharacter(std::string_view text, size_t at, std::string* folded);

}  // namespace minnow
