// SPDX-License-Identifier: Apache-2.0
// Unicode as Hugging Face tokenizers sees it: character classes, lower case, decomposition.
//
// That library takes each property from another Rust crate, each frozen at its own Unicode version.
// Here utf8proc gives the property, and unicode_differences.h (measured, not written by hand)
// corrects the code points where the two differ, so that every code point agrees. Functions are
// pure and total over 0..0x10FFFF. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/utf8.h"

namespace minnow {

bool IsWhiteSpace(char32_t c);  // the property White_Space
bool IsOther(char32_t c);  // general category Cc, Cf or Co: what BERT calls a control character
bool IsPunctuation(char32_t c);     // general category P*
bool IsNonspacingMark(char32_t c);  // general category Mn
bool IsMark(char32_t c);            // general category M*
bool IsWord(char32_t c);            // \w of a regular expression
// Those, and the ASCII characters that are symbols: what BERT calls punctuation.
bool IsPunctuationOrAsciiSymbol(char32_t c);
// \p{L} and \p{N} of a regular expression; and N* where digits are looked for one by one, of
// another Unicode version.
bool IsLetter(char32_t c);
bool IsNumber(char32_t c);
bool IsNumeric(char32_t c);

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

// Whether a grapheme cluster may end between two neighbours. `state`: 0 before the first pair, then
// the same for all pairs of a cluster.
bool IsGraphemeBreak(char32_t first, char32_t second, int32_t& state);

// The code point that the two compose to (UAX #15); 0 where there is none.
char32_t Compose(char32_t first, char32_t second);

}  // namespace minnow
