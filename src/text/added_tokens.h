// SPDX-License-Identifier: Apache-2.0
// AddedTokens: tokens that are looked for in the text before words are, such as [MASK].
//
// Those with normalized = false are looked for in the raw text, the others, themselves normalised,
// in the normalised text; in each the leftmost match is taken, and the longest of those.
// Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/normalizers/normalizer.h"
#include "text/string_matcher.h"
#include "text/tokenizer.h"

namespace minnow {

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool single_word = false;  // not beside a \w character
  bool lstrip = false;       // takes white space before it
  bool rstrip = false;       // takes white space after it
  bool normalized = true;
  bool special = false;
  bool in_text = true;  // false: only put in by templates, and known to decoding
};

class AddedTokens {
 public:
  // A stretch of text; `token` is null where it holds no added token.
  struct Piece {
    size_t begin;
    size_t end;
    const AddedToken* token;
  };
  enum class Stage { kRaw, kNormalized };

  AddedTokens() = default;
  // `tokens` with their final ids; `normalizer` may be null. Of tokens
  // with one id the last is found, of tokens that are equal once normalised the one with the least
  // id; and a warning is added. kUnsupported: a token that normalises to nothing, or tokens that
  // are longer than StringMatcher's limits, normalised or not.
  static Result<AddedTokens> Make(std::vector<AddedToken> tokens, const Normalizer* normalizer,
                                  std::vector<std::string>& warnings);
  AddedTokens(AddedTokens&&) = default;
  AddedTokens& operator=(AddedTokens&&) = default;

  bool empty(Stage stage) const { return (stage == Stage::kRaw ? raw_ : normalized_).empty(); }
  // Replaces `pieces` by the pieces of `text`, in order. As in Hugging Face tokenizers, a token
  // that starts with white space may overlap the one before it, where that took the white space.
  void Split(std::string_view text, Stage stage, std::vector<Piece>& pieces) const;

  const AddedToken* FindId(TokenId id) const;
  const AddedToken* FindContent(std::string_view content) const;
  // What decoding sees: the normalised form, where the token has one.
  std::string_view DecodedText(const AddedToken& token) const;
  // Whether `text` is the content of a special token.
  bool IsSpecial(std::string_view text) const;
  TokenId id_limit() const { return tokens_.empty() ? 0 : tokens_.back().id + 1; }

 private:
  std::vector<AddedToken> tokens_;     // by id
  std::vector<std::string> patterns_;  // what is looked for, parallel to tokens_
  StringMatcher raw_;
  StringMatcher normalized_;
  StringMatcher contents_;
};

}  // namespace minnow
