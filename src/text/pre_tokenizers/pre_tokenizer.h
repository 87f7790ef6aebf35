// SPDX-License-Identifier: Apache-2.0
// PreTokenizer: cuts normalised text into words; a token never spans two. Thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "text/metaspace_options.h"
#include "text/normalized_text.h"

namespace minnow {

class JsonView;

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Whether words are cut from a text of its own making (bytes as letters, a mark for a space)
  // instead of from the input.
  virtual bool rewrites() const { return false; }
  // Whether words depend on where in the original they stand, so that `in` must have sources.
  virtual bool needs_sources() const { return false; }
  // How many times longer the text of its own making is at most.
  virtual size_t growth() const { return 1; }
  // Appends the words of `in`, in order; none is empty. They are spans of `in`, or, where it
  // rewrites, of `rewritten`, to which it appends what it makes of `in`, with sources where those
  // are tracked.
  virtual void Split(const TextView& in, NormalizedText& rewritten,
                     std::vector<TextSpan>& words) const = 0;
};

// Words between white space; every punctuation character is a word by itself.
std::unique_ptr<const PreTokenizer> MakeBertPreTokenizer();
// Words between white space; runs of \w and runs of everything else are apart.
std::unique_ptr<const PreTokenizer> MakeWhitespace();
// Words between white space.
std::unique_ptr<const PreTokenizer> MakeWhitespaceSplit();
struct ByteLevelOptions {
  bool add_prefix_space = true;  // a space before a text that does not begin with one
  bool use_regex = true;         // words by GPT-2's regular expression; else the text is one word
};
// Every byte becomes a letter (byte_alphabet.h).
std::unique_ptr<const PreTokenizer> MakeByteLevel(const ByteLevelOptions& options);
// Words before each mark, which stands for a space. Rewrites.
std::unique_ptr<const PreTokenizer> MakeMetaspace(MetaspaceOptions options);
// Each step cuts the words of the one before it.
std::unique_ptr<const PreTokenizer> MakePreTokenizerSequence(
    std::vector<std::unique_ptr<const PreTokenizer>> steps);

// tokenizer.json's "pre_tokenizer". kUnsupported: not one of the above, nor of those of
// delimiter_split.h; or one that may make a text too long.
Result<std::unique_ptr<const PreTokenizer>> ReadPreTokenizer(const JsonView& json);

}  // namespace minnow
