// SPDX-License-Identifier: Apache-2.0
// TemplateProcessing: puts special tokens around one text or a pair, and cuts what is too long.
// BertProcessing, and no post-processor at all, are templates too. Immutable, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/tokenizer.h"

namespace minnow {

// The tokens of one text, before special tokens.
struct TokenSequence {
  std::vector<TokenId> ids;
  std::vector<TokenOffset> offsets;  // parallel to ids, or empty
};

struct TemplatePiece {
  enum class Kind { kFirst, kSecond, kSpecial };
  Kind kind = Kind::kSpecial;
  uint8_t type_id = 0;
  std::vector<TokenId> ids;  // of kSpecial
};

class TemplateProcessing {
 public:
  // No special tokens: the first text has type 0, the second 1.
  TemplateProcessing();
  TemplateProcessing(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair);

  // The final encoding. `second` is null for a single text. Never gives more than
  // options.max_tokens tokens.
  Encoding Apply(const TokenSequence& first, const TokenSequence* second,
                 const EncodeOptions& options) const;

 private:
  std::vector<TemplatePiece> single_;
  std::vector<TemplatePiece> pair_;
};

}  // namespace minnow
