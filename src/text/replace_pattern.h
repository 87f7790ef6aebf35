// SPDX-License-Identifier: Apache-2.0
// ReplacePattern: what the normalizers, decoders and pre-tokenizers of a tokenizer.json look for: a
// text, or one of the few regular expressions that such files use. Immutable, thread-safe; time is
// linear.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "text/normalized_text.h"

namespace minnow {

// Some characters: ranges, and white space; or all others.
struct CharacterSet {
  struct Range {
    char32_t first;
    char32_t last;
  };
  std::vector<Range> ranges;
  bool white_space = false;
  bool inverted = false;

  // Sorts and joins the ranges, as Contains needs them.
  void SortRanges();
  bool Contains(char32_t c) const;
};

class ReplacePattern {
 public:
  // {"String": "text"} or {"Regex": "expression"}. An expression is one character, a set in
  // brackets or \s, with + or {n,} behind it or nothing; or a text in which nothing is special.
  // kUnsupported: another one, or a text of more than 1 KiB.
  static Result<ReplacePattern> Read(const JsonView& json);

  // The first match at or after `from`; false where there is none. No match is empty.
  bool Find(std::string_view text, size_t from, TextSpan& match) const;
  // How many times longer a text becomes at most where matches become `content`; at least 1.
  size_t Growth(std::string_view content) const;

 private:
  std::string text_;                 // where there is no set
  std::optional<CharacterSet> set_;  // the longest run of these
  size_t at_least_ = 1;              // code points in a run
  size_t at_most_ = SIZE_MAX;
};

}  // namespace minnow
