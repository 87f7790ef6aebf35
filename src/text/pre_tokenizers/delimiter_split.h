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

// Where the delimiter that begins at byte `at` of the text ends; `at` itself where none begins
// there.
using DelimiterPattern = std::function<size_t(std::string_view text, size_t at)>;

// `invert`: what is between the matches of `pattern` are the delimiters.
std::unique_ptr<const PreTokenizer> MakeDelimiterSplit(DelimiterPattern pattern,
                                                       DelimiterBehavior behavior, bool invert);
// Delimiters are single characters: ASCII symbols and punctuation; numbers.
std::unique_ptr<const PreTokenizer> MakePunctuation(DelimiterBehavior behavior);
std::unique_ptr<const PreTokenizer> MakeDigits(bool individual_digits);

// tokenizer.json's Split, Punctuation and Digits. kUnsupported: a regular expression that
// word_patterns.h does not know.
Result<std::unique_ptr<const PreTokenizer>> ReadSplit(const JsonView& json);
Result<std::unique_ptr<const PreTokenizer>> ReadPunctuation(const JsonView& json);
Result<std::unique_ptr<const PreTokenizer>> ReadDigits(const JsonView& json);

}  // namespace minnow
