// SPDX-License-Identifier: Apache-2.0
// Normalizer: text -> the text that words are looked for in. Const methods are thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/normalized_text.h"
#include "text/unicode.h"

namespace minnow {

class Charsmap;
class JsonView;
class ReplacePattern;

// By how much a normalizer makes texts longer at most.
struct TextGrowth {
  size_t times = 1;      // by what its rules put in
  bool unicode = false;  // and by Unicode's changes, which each character goes through once
  bool inserts = false;  // puts in what has yet to go through those
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Overwrites `out`, which is not what `in` points into.
  virtual void Normalize(const TextView& in, NormalizedText& out) const = 0;
  virtual TextGrowth growth() const { return {}; }
};

std::unique_ptr<const Normalizer> MakeLowercase();
std::unique_ptr<const Normalizer> MakeDecompose(Decomposition kind);  // NFD, NFKD
std::unique_ptr<const Normalizer> MakeCompose(Decomposition kind);    // NFC, NFKC
std::unique_ptr<const Normalizer> MakeStripAccents();
// What matches `pattern` becomes `content`.
std::unique_ptr<const Normalizer> MakeReplace(ReplacePattern pattern, std::string content);
// Without white space at the ends.
std::unique_ptr<const Normalizer> MakeStrip(bool left, bool right);
// `text` before what is not empty.
std::unique_ptr<const Normalizer> MakePrepend(std::string text);
// sentencepiece's rule "nmt": without control characters, spaces of one kind.
std::unique_ptr<const Normalizer> MakeNmt();
// The rules of a sentencepiece model, as Hugging Face tokenizers applies them.
std::unique_ptr<const Normalizer> MakePrecompiled(Charsmap map);
std::unique_ptr<const Normalizer> MakeNormalizerSequence(
    std::vector<std::unique_ptr<const Normalizer>> steps);

// tokenizer.json's "normalizer". kUnsupported: not one of the above, nor BertNormalizer; or one
// that may make a text too long.
Result<std::unique_ptr<const Normalizer>> ReadNormalizer(const JsonView& json);

}  // namespace minnow
