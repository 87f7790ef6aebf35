// SPDX-License-Identifier: Apache-2.0
// Tables of a vocabulary <-> tensors, and tokenizer.json without its vocabulary.
#include "text/packed_tokenizer.h"

#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "text/tokenizer_json.h"

namespace minnow {
namespace {

constexpr const char* kBytes = "tokenizer.vocabulary.bytes";
constexpr const char* kStarts = "tokenizer.vocabulary.starts";
constexpr const char* kOffsets = "tokenizer.vocabulary.offsets";
constexpr const char* kFingerprints = "tokenizer.vocabulary.fingerprints";
constexpr const char* kIds = "tokenizer.vocabulary.ids";
// Stands in "model", in the place of "vocab".
constexpr const char* kCounts = "vocabulary_tables";

// The parts of tokenizer.json that a tokenizer is made of, but for the model.
constexpr std::array<const char*, 6> kParts = {"version",       "added_tokens",   "normalizer",
                                               "pre_tokenizer", "post_processor", "decoder"};

void WriteValue(const JsonView& value, JsonWriter& json) {
  switch (value.type()) {
    case JsonType::kNull:
      return json.Null();
    case JsonType::kBool:
      return json.Bool(value.Bool().value());
    case JsonType::kNumber: {
      const auto integer =
          value.Int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
      if (integer.ok()) return json.Int(*integer);
      const auto number = value.Number();
      return number.ok() ? json.Double(*number) : json.Null();
    }
    case JsonType::kString:
      return json.String(value.String().value());
    case JsonType::kArray:
      json.BeginArray();
      for (const JsonView item : value.Items()) WriteValue(item, json);
      return json.EndArray();
    case JsonType::kObject:
      json.BeginObject();
      for (size_t i = 0; i < value.size(); ++i) {
        json.Key(value.key(i));
        WriteValue(value.at(i), json);
      }
      return json.EndObject();
  }
}

void WriteModel(const JsonView& model, const VocabularyTables& tables, JsonWriter& json) {
  json.BeginObject();
  for (size_t i = 0; i < model.size(); ++i) {
    if (model.key(i) == "vocab") continue;
    json.Key(model.key(i));
    WriteValue(model.at(i), json);
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

}  // namespace

std::vector<PackedTensor> TokenizerTables::tensors() const {
  const VocabularyTables& t = vocabulary.tables();
  std::vector<PackedTensor> tensors = {Tensor(kBytes, TensorType::kU8, t.bytes),
                                       Tensor(kStarts, TensorType::kU32, t.starts),
                                       Tensor(kFingerprints, TensorType::kU8, t.fingerprints)};
  if (!t.offsets.empty()) tensors.push_back(Tensor(kOffsets, TensorType::kU16, t.offsets));
  tensors.push_back(t.ids.empty() ? Tensor(kIds, TensorType::kU32, t.wide_ids)
                                  : Tensor(kIds, TensorType::kU16, t.ids));
  return tensors;
}

Result<TokenizerTables> ReadTokenizerTables(const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::ReadFile(directory + "/tokenizer.json"));
  MINNOW_ASSIGN_OR_RETURN(TokenizerParts parts, ReadTokenizerJson(document));
  const JsonView root = document.root();
  TokenizerTables tables = {{}, parts.model->vocabulary()};
  JsonWriter json(&tables.json);
  json.BeginObject();
  for (const char* name : kParts) {
    const auto part = root.Find(name);
    if (!part || part->is_null()) continue;
    json.Key(name);
    WriteValue(*part, json);
  }
  json.Key("model");
  WriteModel(*root.Find("model"), tables.vocabulary.tables(), json);
  json.EndObject();
  return tables;
}

Result<Vocabulary> ReadPackedVocabulary(std::shared_ptr<const PackedFile> packed,
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
  MINNOW_ASSIGN_OR_RETURN(tables.fingerprints,
                          Values<uint8_t>(*packed, kFingerprints, TensorType::kU8));
  if (packed->checkpoint().Find(kOffsets) != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(tables.offsets, Values<uint16_t>(*packed, kOffsets, TensorType::kU16));
  }
  const TensorView* slots = packed->checkpoint().Find(kIds);
  if (slots != nullptr && slots->type == TensorType::kU16) {
    MINNOW_ASSIGN_OR_RETURN(tables.ids, Values<uint16_t>(*packed, kIds, TensorType::kU16));
  } else {
    MINNOW_ASSIGN_OR_RETURN(tables.wide_ids, Values<uint32_t>(*packed, kIds, TensorType::kU32));
  }
  const std::string path = packed->path();
  auto vocabulary = Vocabulary::FromTables(tables, std::move(packed));
  if (!vocabulary.ok()) return Annotate(vocabulary.error(), path);
  return vocabulary;
}

}  // namespace minnow
