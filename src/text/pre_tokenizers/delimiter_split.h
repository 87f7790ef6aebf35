// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers that look for delimiters and cut there: Split, Punctuation, Digits. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {

// What becomes of delimiters, with - in "the-final--countdown":
enum class DelimiterBehavior {
  kRemoved,             // the, final, countdown
  kIsolated,            // the, -, final, -, -, countdown
  kMergedWithPrevious,  // the-, final-, -, countdown
  kMergedWithNext,      // the, -final, -, -countdown
  kContiguous,          // the, -, final, --, countdown
};

// Finds the first delimiter (not empty) at byte `from` of the text or behind; false: none.
using DelimiterPattern =
    std::function<bool(std::string_view text, size_t from, TextSpan& delimiter)>;

// `invert`: what is between the matches of `pattern` are the delimiters.
std::unique_ptr<const PreTokenizer> MakeDelimiterSplit(DelimiterPattern pattern,
                                                       DelimiterBehavior behavior, bool invert);
// Delimiters are single characters: ASCII symbols and punctuation; numbers.
std::unique_ptr<const PreTokenizer> MakePunctuation(DelimiterBehavior behavior);
std::unique_ptr<const PreTokenizer> MakeDigits(bool individual_digits);

// tokenizer.json's Split, Punctuation and Digits. kUnsupported: a regular expression that
// neither word_patterns.h nor replace_pattern.h knows.
Result<std::unique_ptr<const PreTokenizer>> ReadSplit(const JsonView& json);
Result<std::unique_ptr<const PreTokenizer>> ReadPunctuation(const JsonView& json);
Result<std::unique_ptr<const PreTokenizer>> ReadDigits(const JsonView& json);

}  // namespace minnow
