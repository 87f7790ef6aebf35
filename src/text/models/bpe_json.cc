// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "model" of type BPE.
#include <algorithm>
#include <utility>

#include "formats/json.h"
#include "text/models/bpe.h"

namespace minnow {
namespace {

using Merge = std::pair<std::string_view, std::string_view>;

// "a b"; `where`: the value that it is, or is part of.
Result<Merge> ParseMerge(std::string_view text, const JsonView& where) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    return where.Wrong(Code::kCorrupt, "expected two tokens with one space between them, got " +
                                           QuoteForMessage(text));
  }
  return Merge(text.substr(0, space), text.substr(space + 1));
}

// ["a", "b"], or "a b" in older files.
Result<Merge> ReadMerge(const JsonView& json) {
  if (json.is_array() && json.size() == 2) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view first, json.at(0).String());
    MINNOW_ASSIGN_OR_RETURN(const std::string_view second, json.at(1).String());
    return Merge(first, second);
  }
  if (!json.is_string()) return json.Expected("two tokens");
  return ParseMerge(json.String().value(), json);
}

bool IsVersion(std::string_view line) { return line.starts_with("#version"); }

// Appends ids of merges, looked up in a vocabulary.
class MergeIds {
 public:
  MergeIds(const Vocabulary& vocabulary, size_t merges) : vocabulary_(vocabulary) {
    ids_.reserve(2 * merges);
  }
  Status Add(const Merge& merge, const JsonView& where) {
    for (const std::string_view part : {merge.first, merge.second}) {
      const auto id = vocabulary_.Find(part);
      if (!id) return where.Wrong(Code::kCorrupt, QuoteForMessage(part) + " is not in model.vocab");
      ids_.push_back(static_cast<uint32_t>(*id));
    }
    return Status();
  }
  std::vector<uint32_t> Take() { return std::move(ids_); }

 private:
  const Vocabulary& vocabulary_;
  std::vector<uint32_t> ids_;
};

// A merges.txt as it is (bpe_files.h): an array of its lines would take many times the memory.
Result<std::vector<uint32_t>> ReadMergeLines(const JsonView& json, const Vocabulary& vocabulary) {
  MINNOW_ASSIGN_OR_RETURN(std::string_view text, json.String());
  MergeIds ids(vocabulary, static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || IsVersion(line)) continue;
    MINNOW_ASSIGN_OR_RETURN(const Merge merge, ParseMerge(line, json));
    MINNOW_RETURN_IF_ERROR(ids.Add(merge, json));
  }
  return ids.Take();
}

Result<std::vector<uint32_t>> ReadMerges(const JsonView& json, const Vocabulary& vocabulary) {
  if (json.is_string()) return ReadMergeLines(json, vocabulary);
  MINNOW_RETURN_IF_ERROR(json.Array());
  MergeIds ids(vocabulary, json.size());
  for (const JsonView item : json.Items()) {
    if (item.is_string() && IsVersion(item.String().value())) continue;
    MINNOW_ASSIGN_OR_RETURN(const Merge merge, ReadMerge(item));
    MINNOW_RETURN_IF_ERROR(ids.Add(merge, item));
  }
  return ids.Take();
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
