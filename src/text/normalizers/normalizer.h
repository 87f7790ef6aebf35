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

class JsonView;

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Overwrites `out`, which is not what `in` points into.
  virtual void Normalize(const TextView& in, NormalizedText& out) const = 0;
};

std::unique_ptr<const Normalizer> MakeLowercase();
std::unique_ptr<const Normalizer> MakeDecompose(Decomposition kind);  // NFD, NFKD
std::unique_ptr<const Normalizer> MakeCompose(Decomposition kind);    // NFC, NFKC
// Every run of white space becomes `content`.
std::unique_ptr<const Normalizer> MakeReplaceWhiteSpace(std::string content);
std::unique_ptr<const Normalizer> MakeStripAccents();
std::unique_ptr<const Normalizer> MakeNormalizerSequence(
    std::vector<std::unique_ptr<const Normalizer>> steps);

// tokenizer.json's "normalizer". kUnsupported: not one of the above, nor BertNormalizer.
Result<std::unique_ptr<const Normalizer>> ReadNormalizer(const JsonView& json);

}  // namespace minnow
