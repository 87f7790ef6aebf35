// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's model of type Unigram: a list of tokens and scores.
#include <utility>

#include "text/component_json.h"
#include "text/models/unigram.h"

namespace minnow {
namespace {

// [["<unk>", 0.0], ["a", -2.5], ...]: a token's id is its place.
Result<ModelTables> ReadScoredVocabulary(const JsonView& json) {
  MINNOW_RETURN_IF_ERROR(json.Array());
  const size_t size = json.size();
  if (size > size_t{Vocabulary::kMaxId} + 1)
    return json.Wrong(Code::kCorrupt, "more tokens than ids");
  std::vector<Vocabulary::Entry> entries;
  std::vector<double> scores;
  entries.reserve(size);
  scores.reserve(size);
  for (const JsonView entry : json.Items()) {
    MINNOW_RETURN_IF_ERROR(entry.Array());
    if (entry.size() != 2) return entry.Expected("an array of a token and its score");
    MINNOW_ASSIGN_OR_RETURN(const std::string_view token, entry.at(0).String());
    MINNOW_ASSIGN_OR_RETURN(const double score, entry.at(1).Number());
    entries.push_back({token, static_cast<int32_t>(entries.size())});
    scores.push_back(score);
  }
  auto tables = MakeUnigramTables(entries, std::move(scores));
  if (!tables.ok()) return json.Wrong(tables.error().code, tables.error().message);
  return tables;
}

}  // namespace

Result<std::unique_ptr<const TokenModel>> ReadUnigram(const JsonView& json,
                                                      std::optional<ModelTables> tables) {
  UnigramOptions options;
  const auto unknown = json.Find("unk_id");
  // Hugging Face loads such a file, and fails at the first text with an unknown character.
  if (!unknown || unknown->is_null())
    return json.Wrong(Code::kUnsupported, "Unigram without an unk_id");
  MINNOW_ASSIGN_OR_RETURN(const int64_t id, unknown->Int(0, Vocabulary::kMaxId));
  options.unknown_id = static_cast<TokenId>(id);
  MINNOW_ASSIGN_OR_RETURN(options.byte_fallback, json.GetBool("byte_fallback", false));
  // Only of a sentencepiece file (sentencepiece/piece_files.h).
  MINNOW_ASSIGN_OR_RETURN(options.as_sentencepiece, json.GetBool("as_sentencepiece", false));
  if (const auto score = json.Find("unknown_score")) {
    MINNOW_ASSIGN_OR_RETURN(options.unknown_score, score->Number());
  }
  if (!tables) {
    MINNOW_ASSIGN_OR_RETURN(const JsonView vocab, json.Get("vocab"));
    MINNOW_ASSIGN_OR_RETURN(tables, ReadScoredVocabulary(vocab));
  }
  auto model = Unigram::Make(*std::move(tables), options);
  if (!model.ok()) return json.Wrong(model.error().code, model.error().message);
  return model;
}

}  // namespace minnow
