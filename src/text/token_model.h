// SPDX-License-Identifier: Apache-2.0
// TokenModel: one word -> its tokens. WordPiece, and later Unigram and BPE, are models.
// Thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace minnow {

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the tokens of `word` (not empty), and to `spans`, where not null, the bytes of the word
  // that each stands for.
  virtual void Tokenize(std::string_view word, std::vector<TokenId>& ids,
                        std::vector<TextSpan>* spans) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  virtual const char* type() const = 0;
};

}  // namespace minnow
