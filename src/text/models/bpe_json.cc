// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "model" of type BPE.
#include <utility>

#include "formats/json.h"
#include "text/models/bpe.h"

namespace minnow {
namespace {

// ["a", "b"], or "a b" in older files.
Result<std::pair<std::string_view, std::string_view>> ReadMerge(const JsonView& json) {
  if (json.is_array() && json.size() == 2) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view first, json.at(0).String());
    MINNOW_ASSIGN_OR_RETURN(const std::string_view second, json.at(1).String());
    return std::pair(first, second);
  }
  if (!json.is_string()) return json.Expected("two tokens");
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, json.String());
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
    return json.Expected("two tokens with one space between them");
  return std::pair(text.substr(0, space), text.substr(space + 1));
}

Result<std::vector<uint32_t>> ReadMerges(const JsonView& json, const Vocabulary& vocabulary) {
  MINNOW_RETURN_IF_ERROR(json.Array());
  std::vector<uint32_t> merges;
  merges.reserve(2 * json.size());
  for (const JsonView item : json.Items()) {
    if (item.is_string() && item.String()->starts_with("#version")) continue;
    MINNOW_ASSIGN_OR_RETURN(const auto merge, ReadMerge(item));
    for (const std::string_view part : {merge.first, merge.second}) {
      const auto id = vocabulary.Find(part);
      if (!id) return item.Wrong(Code::kCorrupt, QuoteForMessage(part) + " is not in model.vocab");
      merges.push_back(static_cast<uint32_t>(*id));
    }
  }
  return merges;
}

Result<ModelTables> ReadTables(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView vocab, json.Get("vocab"));
  MINNOW_ASSIGN_OR_RETURN(ModelTables tables, ReadVocabulary(vocab));
  MINNOW_ASSIGN_OR_RETURN(const JsonView merges, json.Get("merges"));
  MINNOW_ASSIGN_OR_RETURN(auto ids, ReadMerges(merges, tables.vocabulary));
  const auto owner = std::make_shared<const std::vector<uint32_t>>(std::move(ids));
  tables.merges.pairs = *owner;
  tables.owner = owner;
  return tables;
}

}  // namespace

Result<std::unique_ptr<const TokenModel>> ReadBpe(const JsonView& json,
                                                  std::optional<ModelTables> tables) {
  MINNOW_ASSIGN_OR_RETURN(const double dropout, json.GetNumber("dropout", 0));
  if (dropout != 0) {
    return json.Find("dropout")->Wrong(Code::kUnsupported,
                                       "only 0 is supported, as tokens would be random");
  }
  BpeOptions options;
  MINNOW_ASSIGN_OR_RETURN(options.unknown_token, json.GetString("unk_token", ""));
  MINNOW_ASSIGN_OR_RETURN(options.continuing_prefix,
                          json.GetString("continuing_subword_prefix", ""));
  MINNOW_ASSIGN_OR_RETURN(options.end_suffix, json.GetString("end_of_word_suffix", ""));
  MINNOW_ASSIGN_OR_RETURN(options.fuse_unknown, json.GetBool("fuse_unk", false));
  MINNOW_ASSIGN_OR_RETURN(options.byte_fallback, json.GetBool("byte_fallback", false));
  MINNOW_ASSIGN_OR_RETURN(options.ignore_merges, json.GetBool("ignore_merges", false));
  if (!tables) {
    MINNOW_ASSIGN_OR_RETURN(tables, ReadTables(json));
  }
  auto model = Bpe::Make(*std::move(tables), std::move(options));
  if (!model.ok()) return json.Wrong(model.error().code, model.error().message);
  return model;
}

}  // namespace minnow
