// SPDX-License-Identifier: Apache-2.0
// TokenModel: one word -> its tokens. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/models/merge_table.h"
#include "text/models/score_table.h"
#include "text/models/vocabulary.h"
#include "text/normalized_text.h"
#include "text/tokenizer.h"

namespace minnow {

class JsonView;

// The large parts of a model, as a packed file holds them (formats/PACKED.md). What is borrowed is
// kept by `owner`, or where that is null by whoever keeps the vocabulary's tables.
struct ModelTables {
  Vocabulary vocabulary;
  ScoreTable scores;                        // of each id, or empty
  MergeArrays merges;                       // or empty; with pairs only, the rest is made of them
  std::span<const uint64_t> prefixes = {};  // of a PrefixFilter, or empty
  std::shared_ptr<const void> owner = {};
};

class TokenModel {
 public:
  explicit TokenModel(ModelTables tables) : tables_(std::move(tables)) {}
  virtual ~TokenModel() = default;
  // Appends the tokens of `word` (not empty), and to `spans`, where not null, the bytes of the word
  // that each stands for.
  virtual void Tokenize(std::string_view word, std::vector<TokenId>& ids,
                        std::vector<TextSpan>* spans) const = 0;
  virtual const char* type() const = 0;
  // The token for what no token is; nullopt: such text is left out.
  virtual std::optional<TokenId> unknown_id() const = 0;
  // Before every token of a word but the first; empty: none.
  virtual std::string_view continuing_prefix() const { return ""; }
  const ModelTables& tables() const { return tables_; }
  const Vocabulary& vocabulary() const { return tables_.vocabulary; }

 private:
  const ModelTables tables_;
};

// tokenizer.json's "vocab" where it is an object, without scores and merges. Fails with kCorrupt.
Result<ModelTables> ReadVocabulary(const JsonView& json);

// tokenizer.json's "model". `tables`: the model's; without them, they are read from the JSON.
// kUnsupported: not WordPiece, BPE or Unigram. A model without a type is what Hugging Face takes it
// for.
Result<std::unique_ptr<const TokenModel>> ReadTokenModel(const JsonView& json,
                                                         std::optional<ModelTables> tables);

}  // namespace minnow
