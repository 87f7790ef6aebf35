// SPDX-License-Identifier: Apache-2.0
// BPE: the word's characters, of which the two side by side with the first merge of all become one
// token, and so on until no merge is left (Sennrich et al. 2016, as Hugging Face tokenizers does
// it).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/models/merge_table.h"
#include "text/models/token_model.h"

namespace minnow {

struct BpeOptions {
  std::string unknown_token;      // empty, or not in the vocabulary: such characters are left out
  std::string continuing_prefix;  // before every character of a word but the first
  std::string end_suffix;         // after the last character of a word
  bool fuse_unknown = false;      // unknown characters side by side are one unknown token
  bool byte_fallback = false;  // an unknown character is its bytes, "<0xE4>", where all are known
  bool ignore_merges = false;  // a word that is a token is that token
};

class Bpe : public TokenModel {
 public:
  static constexpr size_t kMaxAffixBytes = 256;

  // Fails as MergeTable::Build does, with "model." before it; and with kUnsupported where the
  // prefix or the suffix, which stand beside every character and word, is longer than
  // kMaxAffixBytes.
  static Result<std::unique_ptr<const TokenModel>> Make(ModelTables tables, BpeOptions options);

  void Tokenize(std::string_view word, std::vector<TokenId>& ids,
                std::vector<TextSpan>* spans) const override;
  const char* type() const override { return "BPE"; }
  std::optional<TokenId> unknown_id() const override {
    return unknown_id_ < 0 ? std::nullopt : std::optional(unknown_id_);
  }
  std::string_view continuing_prefix() const override { return options_.continuing_prefix; }

 private:
  // A token on its way, and the bytes of the word that it stands for.
  struct Symbol {
    uint32_t id;
    uint32_t bytes;
  };
  // Longer words go through a heap.
  static constexpr size_t kShortWordBytes = 64;

  Bpe(ModelTables tables, BpeOptions options, MergeTable merges);
  // The token of one character of the word; -1 where there is none.
  TokenId CharacterId(std::string_view character, bool first, bool last) const;
  TokenId FindCharacter(std::string_view character, bool first, bool last) const;
  // Calls add(Symbol) for what the word is made of before any merge.
  template <class Add>
  void ForEachSymbol(std::string_view word, const Add& add) const;
  // Calls add(Symbol) for each byte; false, and no call, where one of them is no token.
  template <class Add>
  bool FallBack(std::string_view character, bool first, bool last, const Add& add) const;
  size_t MergeShort(Symbol* symbols, size_t count) const;
  size_t MergeLong(std::vector<Symbol>& symbols) const;

  const BpeOptions options_;
  const MergeTable merges_;
  TokenId unknown_id_ = -1;
  // Of the characters below that, which byte-level words consist of: [first][last][character].
  static constexpr char32_t kSmallCharacters = 0x180;
  std::array<std::array<std::array<TokenId, kSmallCharacters>, 2>, 2> small_ids_;
  std::array<TokenId, 256> byte_ids_;  // of "<0x00>" to "<0xFF>"
};

// tokenizer.json's "model" of that type. `tables`: the model's; without them, they are read from
// the JSON. kUnsupported: dropout, which makes tokens random.
Result<std::unique_ptr<const TokenModel>> ReadBpe(const JsonView& json,
                                                  std::optional<ModelTables> tables);

}  // namespace minnow
