// SPDX-License-Identifier: Apache-2.0
// WordPiece: the longest token that starts the word, then the longest that goes on, and so forth; a
// word that cannot be finished is one unknown token (Wu et al. 2016, as BERT does it).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/models/token_model.h"

namespace minnow {

struct WordPieceOptions {
  std::string unknown_token = "[UNK]";
  std::string continuing_prefix = "##";
  size_t max_word_code_points = 100;  // a longer word is unknown
};

class WordPiece : public TokenModel {
 public:
  // Fails with kCorrupt where the vocabulary lacks the unknown token.
  static Result<std::unique_ptr<const TokenModel>> Make(ModelTables tables,
                                                        WordPieceOptions options);

  void Tokenize(std::string_view word, std::vector<TokenId>& ids,
                std::vector<TextSpan>* spans) const override;
  const char* type() const override { return "WordPiece"; }
  std::optional<TokenId> unknown_id() const override { return unknown_id_; }
  std::string_view continuing_prefix() const override { return options_.continuing_prefix; }

 private:
  WordPiece(ModelTables tables, WordPieceOptions options, TokenId unknown_id);
  // The longest token at the start of `rest`: its id and length; -1 where there is none.
  TokenId LongestMatch(std::string_view prefix, const TokenHash& prefix_hash, std::string_view rest,
                       size_t& length) const;

  const WordPieceOptions options_;
  const TokenId unknown_id_;
  TokenHash prefix_hash_;  // of the continuing prefix
};

}  // namespace minnow
