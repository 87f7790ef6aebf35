// SPDX-License-Identifier: Apache-2.0
// PreTokenizer: cuts normalised text into words; a token never spans two. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace minnow {

// Bytes [begin, end) of some text.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends the words of `text` (well-formed UTF-8) in order; none is empty.
  virtual void Split(std::string_view text, std::vector<TextSpan>& words) const = 0;
};

// Words between white space; every punctuation character is a word by itself.
std::unique_ptr<const PreTokenizer> MakeBertPreTokenizer();
// Words between white space; runs of \w and runs of everything else are apart.
std::unique_ptr<const PreTokenizer> MakeWhitespace();
// Words between white space.
std::unique_ptr<const PreTokenizer> MakeWhitespaceSplit();

}  // namespace minnow
