// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "model".
#include <initializer_list>

#include "text/component_json.h"
#include "text/models/bpe.h"
#include "text/models/token_model.h"
#include "text/models/unigram.h"
#include "text/models/wordpiece.h"

namespace minnow {
namespace {

constexpr int64_t kMaxWordCodePoints = int64_t{1} << 20;

// Files from before models had a type: the first of these whose fields are all there.
std::string_view DeducedType(const JsonView& json) {
  const auto has = [&json](std::initializer_list<std::string_view> fields) {
    for (const std::string_view field : fields) {
      if (!json.Find(field)) return false;
    }
    return true;
  };
  if (has({"vocab", "merges"})) return "BPE";
  if (has({"unk_token", "continuing_subword_prefix", "max_input_chars_per_word"}))
    return "WordPiece";
  if (has({"vocab", "unk_token"})) return "WordLevel";
  if (has({"vocab", "unk_id"})) return "Unigram";
  return {};
}

Result<std::unique_ptr<const TokenModel>> ReadWordPiece(const JsonView& json,
                                                        std::optional<ModelTables> tables) {
  WordPieceOptions options;
  MINNOW_ASSIGN_OR_RETURN(options.unknown_token, json.GetString("unk_token"));
  MINNOW_ASSIGN_OR_RETURN(options.continuing_prefix, json.GetString("continuing_subword_prefix"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t limit,
                          json.GetInt("max_input_chars_per_word", 0, kMaxWordCodePoints));
  options.max_word_code_points = static_cast<size_t>(limit);
  if (!tables) {
    MINNOW_ASSIGN_OR_RETURN(const JsonView vocab, json.Get("vocab"));
    MINNOW_ASSIGN_OR_RETURN(tables, ReadVocabulary(vocab));
  }
  auto model = WordPiece::Make(*std::move(tables), std::move(options));
  if (!model.ok()) return json.Find("unk_token")->Wrong(model.error().code, model.error().message);
  return model;
}

}  // namespace

Result<ModelTables> ReadVocabulary(const JsonView& json) {
  MINNOW_RETURN_IF_ERROR(json.Object());
  std::vector<Vocabulary::Entry> entries;
  const size_t size = json.size();
  entries.reserve(size);
  for (size_t i = 0; i < size; ++i) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t id, json.at(i).Int(0, Vocabulary::kMaxId));
    entries.push_back({json.key(i), static_cast<int32_t>(id)});
  }
  auto vocabulary = Vocabulary::Build(entries);
  if (!vocabulary.ok()) return json.Wrong(vocabulary.error().code, vocabulary.error().message);
  return ModelTables{*std::move(vocabulary), {}, {}};
}

Result<std::unique_ptr<const TokenModel>> ReadTokenModel(const JsonView& json,
                                                         std::optional<ModelTables> tables) {
  constexpr const char* kTypes = "WordPiece, BPE, Unigram";
  MINNOW_RETURN_IF_ERROR(json.Object());
  const auto given = json.Find("type");
  std::string_view type = DeducedType(json);
  if (given) {
    MINNOW_ASSIGN_OR_RETURN(type, given->String());
  }
  if (type == "WordPiece") return ReadWordPiece(json, std::move(tables));
  if (type == "BPE") return ReadBpe(json, std::move(tables));
  if (type == "Unigram") return ReadUnigram(json, std::move(tables));
  if (given) return UnknownComponent(*given, kTypes);
  if (type.empty()) return json.Get("type").error();
  return json.Wrong(Code::kUnsupported, "without a type, its fields are those of " +
                                            std::string(type) +
                                            ": not one of those supported: " + kTypes);
}

}  // namespace minnow
