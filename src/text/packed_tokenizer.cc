// SPDX-License-Identifier: Apache-2.0
// Tables of a vocabulary <-> tensors, and tokenizer.json without its vocabulary.
#include "text/packed_tokenizer.h"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "text/component_json.h"
#include "text/models/unigram.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_json.h"

namespace minnow {
namespace {

constexpr const char* kBytes = "tokenizer.vocabulary.bytes";
constexpr const char* kStarts = "tokenizer.vocabulary.starts";
constexpr const char* kOffsets = "tokenizer.vocabulary.offsets";
constexpr const char* kSlots = "tokenizer.vocabulary.slots";
constexpr const char* kScores = "tokenizer.vocabulary.scores";
constexpr const char* kMerges = "tokenizer.merges";
constexpr const char* kMerged = "tokenizer.merges.merged";
constexpr const char* kMergeSlots = "tokenizer.merges.slots";
constexpr const char* kPrefixes = "tokenizer.vocabulary.prefixes";
// Stands in "model", in the place of "vocab".
constexpr const char* kCounts = "vocabulary_tables";
constexpr const char* kUnknownScore = "unknown_score";      // of Unigram
constexpr const char* kScoreUnits = "score_units_per_one";  // likewise

// The parts of tokenizer.json that a tokenizer is made of, but for the model.
constexpr std::array<const char*, 6> kParts = {"version",       "added_tokens",   "normalizer",
                                               "pre_tokenizer", "post_processor", "decoder"};

void WriteModel(const JsonView& model, const char* type, const TokenizerTables& made,
                JsonWriter& json) {
  const ModelTables& all = made.tables;
  const VocabularyTables& tables = all.vocabulary.tables();
  json.BeginObject();
  json.Key("type");
  json.String(type);
  for (size_t i = 0; i < model.size(); ++i) {
    const std::string_view key = model.key(i);
    if (key == "type" || key == "vocab" || key == "merges" || key == kScoreUnits) continue;
    json.Key(model.key(i));
    WriteJson(model.at(i), json);
  }
  // So that loading does not look at all scores.
  if (!all.scores.empty() && !model.Find(kUnknownScore)) {
    json.Key(kUnknownScore);
    json.Double(UnknownScoreOf(all.scores));
  }
  if (!made.score_units.units.empty()) {
    json.Key(kScoreUnits);
    json.Double(made.score_units.per_one);
  }
  json.Key(kCounts);
  json.BeginObject();
  json.Key("ids");
  json.Int(tables.id_limit);
  json.Key("tokens");
  json.Uint(tables.size);
  json.Key("max_token_bytes");
  json.Uint(tables.max_token_bytes);
  json.EndObject();
  json.EndObject();
}

template <class T>
PackedTensor Tensor(const char* name, TensorType type, std::span<const T> values) {
  return {name, type, {static_cast<int64_t>(values.size())}, std::as_bytes(values)};
}

// All of a tensor with one dimension.
template <class T>
Result<std::span<const T>> Values(const PackedFile& packed, const char* name, TensorType type) {
  constexpr int64_t kAnySize = -1;
  MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, packed.Get(name, type, {&kAnySize, 1}));
  return std::span(reinterpret_cast<const T*>(tensor->data.data()),
                   tensor->data.size() / sizeof(T));
}

Result<ScoreTable> ReadScores(const PackedFile& packed, const JsonView& model) {
  const TensorView* const stored = packed.checkpoint().Find(kScores);
  if (stored == nullptr) return ScoreTable();
  if (stored->type == TensorType::kI32) {
    MINNOW_ASSIGN_OR_RETURN(const auto units, Values<int32_t>(packed, kScores, TensorType::kI32));
    MINNOW_ASSIGN_OR_RETURN(const JsonView field, model.Get(kScoreUnits));
    MINNOW_ASSIGN_OR_RETURN(const double per_one, field.Number());
    if (!(per_one > 0 && std::isfinite(per_one))) return field.Expected("a number above 0");
    return ScoreTable(units, per_one);
  }
  MINNOW_ASSIGN_OR_RETURN(const auto scores, Values<double>(packed, kScores, TensorType::kF64));
  return ScoreTable(scores);
}

}  // namespace

std::vector<PackedTensor> TokenizerTables::tensors() const {
  const VocabularyTables& t = tables.vocabulary.tables();
  std::vector<PackedTensor> tensors = {Tensor(kBytes, TensorType::kU8, t.bytes),
                                       Tensor(kStarts, TensorType::kU32, t.starts),
                                       Tensor(kSlots, TensorType::kU8, t.slots)};
  if (!t.offsets.empty()) tensors.push_back(Tensor(kOffsets, TensorType::kU16, t.offsets));
  if (!score_units.units.empty()) {
    tensors.push_back(
        Tensor(kScores, TensorType::kI32, std::span<const int32_t>(score_units.units)));
  } else if (!tables.scores.empty()) {
    tensors.push_back(Tensor(kScores, TensorType::kF64, tables.scores.as_they_are()));
  }
  const auto add = [&tensors](const char* name, std::span<const uint32_t> values) {
    if (!values.empty()) tensors.push_back(Tensor(name, TensorType::kU32, values));
  };
  add(kMerges, tables.merges.pairs);
  add(kMerged, tables.merges.merged);
  add(kMergeSlots, tables.merges.slots);
  if (!tables.prefixes.empty()) {
    tensors.push_back(Tensor(kPrefixes, TensorType::kU64, tables.prefixes));
  }
  return tensors;
}

Result<TokenizerTables> ReadTokenizerTables(const std::string& directory, bool lowercase) {
  std::vector<std::string> warnings;
  MINNOW_ASSIGN_OR_RETURN(TokenizerFiles files, ReadTokenizerFiles(directory, lowercase, warnings));
  MINNOW_ASSIGN_OR_RETURN(TokenizerParts parts,
                          ReadTokenizerJson(files.document, std::move(files.tables)));
  const JsonView root = files.document.root();
  TokenizerTables tables = {{}, parts.model->tables(), {}};
  tables.score_units = ToScoreUnits(tables.tables.scores.as_they_are());
  JsonWriter json(&tables.json);
  json.BeginObject();
  for (const char* name : kParts) {
    const auto part = root.Find(name);
    if (!part || part->is_null()) continue;
    json.Key(name);
    WriteJson(*part, json);
  }
  json.Key("model");
  WriteModel(*root.Find("model"), parts.model->type(), tables, json);
  json.EndObject();
  return tables;
}

Result<ModelTables> ReadPackedTables(std::shared_ptr<const PackedFile> packed,
                                     const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView model, json.Get("model"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView counts, model.Get(kCounts));
  constexpr int64_t kMaxBytes = Vocabulary::kMaxBytes;
  constexpr int64_t kMaxIds = int64_t{Vocabulary::kMaxId} + 1;
  VocabularyTables tables;
  MINNOW_ASSIGN_OR_RETURN(const int64_t ids, counts.GetInt("ids", 0, kMaxIds));
  MINNOW_ASSIGN_OR_RETURN(const int64_t tokens, counts.GetInt("tokens", 0, kMaxIds));
  MINNOW_ASSIGN_OR_RETURN(const int64_t longest, counts.GetInt("max_token_bytes", 0, kMaxBytes));
  tables.id_limit = static_cast<int32_t>(ids);
  tables.size = static_cast<size_t>(tokens);
  tables.max_token_bytes = static_cast<size_t>(longest);
  MINNOW_ASSIGN_OR_RETURN(tables.bytes, Values<char>(*packed, kBytes, TensorType::kU8));
  MINNOW_ASSIGN_OR_RETURN(tables.starts, Values<uint32_t>(*packed, kStarts, TensorType::kU32));
  // Files before version 4 have other slots: new ones are made of the texts.
  if (packed->header().version >= 4) {
    MINNOW_ASSIGN_OR_RETURN(tables.slots, Values<uint8_t>(*packed, kSlots, TensorType::kU8));
    if (tables.slots.empty())
      return Error{Code::kCorrupt, packed->path() + ": " + kSlots + ": no slots"};
  }
  if (packed->checkpoint().Find(kOffsets) != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(tables.offsets, Values<uint16_t>(*packed, kOffsets, TensorType::kU16));
  }
  MINNOW_ASSIGN_OR_RETURN(const ScoreTable scores, ReadScores(*packed, model));
  std::span<const uint64_t> prefixes;
  if (packed->checkpoint().Find(kPrefixes) != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(prefixes, Values<uint64_t>(*packed, kPrefixes, TensorType::kU64));
  }
  MergeArrays merges;
  for (const auto& [name, values] : {std::pair(kMerges, &merges.pairs),
                                     {kMerged, &merges.merged},
                                     {kMergeSlots, &merges.slots}}) {
    if (packed->checkpoint().Find(name) == nullptr) continue;
    MINNOW_ASSIGN_OR_RETURN(*values, Values<uint32_t>(*packed, name, TensorType::kU32));
  }
  const std::string path = packed->path();
  if ((!scores.empty() && scores.size() != static_cast<size_t>(ids)) ||
      merges.pairs.size() % 2 != 0) {
    return Error{Code::kCorrupt, path + ": " + std::to_string(scores.size()) + " scores and " +
                                     std::to_string(merges.pairs.size()) + " ids of merges for " +
                                     std::to_string(ids) + " ids"};
  }
  auto vocabulary = Vocabulary::FromTables(tables, std::move(packed));
  if (!vocabulary.ok()) return Annotate(vocabulary.error(), path);
  return ModelTables{*std::move(vocabulary), scores, merges, prefixes};
}

}  // namespace minnow
