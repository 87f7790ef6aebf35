// SPDX-License-Identifier: Apache-2.0
// Unigram: of all ways to cut a word into tokens the one whose scores add up to most (Kudo 2018),
// as Hugging Face tokenizers and as sentencepiece add them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/models/prefix_filter.h"
#include "text/models/token_model.h"

namespace minnow {

struct UnigramOptions {
  TokenId unknown_id = 0;
  // Score of a character that no token is; unset: UnknownScoreOf.
  std::optional<double> unknown_score = {};
  // Characters that no token holds become their bytes' tokens, "<0x41>", where there are such.
  bool byte_fallback = false;
  // As sentencepiece, not as Hugging Face tokenizers: sums are rounded to 32 bits after each token,
  // not to 64, before they are compared (up to sentencepiece 0.2.1: after that); bytes stand for
  // one character each, not for a run; and a run of unknown characters is not looked for among the
  // tokens.
  bool as_sentencepiece = false;
};

class Unigram : public TokenModel {
 public:
  // Bytes; each place of a text is compared with tokens as long as the longest.
  static constexpr size_t kMaxTokenBytes = 1024;

  // `tables` have a score for each id; NaN: that token is never found in a text. Fails with
  // kCorrupt where scores do not fit the vocabulary, or the unknown id is not in it; and with
  // kUnsupported where a token is longer than kMaxTokenBytes.
  static Result<std::unique_ptr<const TokenModel>> Make(ModelTables tables,
                                                        const UnigramOptions& options);

  void Tokenize(std::string_view word, std::vector<TokenId>& ids,
                std::vector<TextSpan>* spans) const override;
  const char* type() const override { return "Unigram"; }
  std::optional<TokenId> unknown_id() const override { return options_.unknown_id; }

 private:
  // The last token of the best way to the end of some bytes of the word, and that way's score.
  struct Node {
    double score;
    TokenId id;      // kNone: no way ends here
    uint32_t begin;  // of that token
  };
  static constexpr TokenId kNone = -1;

  Unigram(ModelTables tables, const UnigramOptions& options, double unknown_score);
  // Fills `nodes`, one for each byte of the word and one more.
  void FindBest(std::string_view word, Node* nodes) const;
  // All tokens that begin at `begin`, or the unknown one for the character that ends at
  // `first_end`.
  void AddTokensFrom(std::string_view word, size_t begin, size_t first_end, Node* nodes) const;
  double Sum(double score, double token_score) const {
    const double sum = score + token_score;
    return options_.as_sentencepiece ? static_cast<double>(static_cast<float>(sum)) : sum;
  }
  void AppendUnknown(std::string_view word, TextSpan span, std::vector<TokenId>& ids,
                     std::vector<TextSpan>* spans) const;

  const UnigramOptions options_;
  const double unknown_score_;
  const PrefixFilter filter_;
};

// Ten less than the least of `scores`: Hugging Face's score of a character that no token is.
double UnknownScoreOf(const ScoreTable& scores);

// The tables of tokens, with ids in [0, entries.size()), and their scores, by id. Fails as
// Vocabulary::Build does.
Result<ModelTables> MakeUnigramTables(std::span<const Vocabulary::Entry> entries,
                                      std::vector<double> scores);

// tokenizer.json's "model" of type Unigram. `tables`: as for ReadTokenModel.
Result<std::unique_ptr<const TokenModel>> ReadUnigram(const JsonView& json,
                                                      std::optional<ModelTables> tables);

}  // namespace minnow
