// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "normalizer".
#include <utility>

#include "base/base64.h"
#include "text/component_json.h"
#include "text/normalizers/bert_normalizer.h"
#include "text/normalizers/charsmap.h"
#include "text/normalizers/normalizer.h"
#include "text/normalizers/sentencepiece_normalizer.h"
#include "text/replace_pattern.h"

namespace minnow {
namespace {

Result<std::unique_ptr<const Normalizer>> ReadBertNormalizer(const JsonView& json) {
  BertNormalizerOptions options;
  MINNOW_ASSIGN_OR_RETURN(options.clean_text, json.GetBool("clean_text"));
  MINNOW_ASSIGN_OR_RETURN(options.handle_chinese_chars, json.GetBool("handle_chinese_chars"));
  MINNOW_ASSIGN_OR_RETURN(options.lowercase, json.GetBool("lowercase"));
  MINNOW_ASSIGN_OR_RETURN(options.strip_accents, json.GetBool("strip_accents", options.lowercase));
  return std::unique_ptr<const Normalizer>(std::make_unique<BertNormalizer>(options));
}

Result<Charsmap> ReadCharsmap(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, json.Get("precompiled_charsmap"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, field.String());
  std::optional<std::string> bytes = FromBase64(text);
  if (!bytes) return field.Wrong(Code::kCorrupt, "no base64");
  auto map = Charsmap::Parse(*std::move(bytes));
  if (!map.ok()) return field.Wrong(map.error().code, map.error().message);
  return map;
}

Result<std::unique_ptr<const Normalizer>> ReadPrecompiled(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(Charsmap map, ReadCharsmap(json));
  return MakePrecompiled(std::move(map));
}

// Not Hugging Face's: what sentencepiece/piece_files.h writes.
Result<std::unique_ptr<const Normalizer>> ReadSentencePiece(const JsonView& json) {
  SentencePieceRules rules;
  MINNOW_ASSIGN_OR_RETURN(rules.charsmap, ReadCharsmap(json));
  MINNOW_ASSIGN_OR_RETURN(rules.add_dummy_prefix, json.GetBool("add_dummy_prefix"));
  MINNOW_ASSIGN_OR_RETURN(rules.remove_extra_whitespaces, json.GetBool("remove_extra_whitespaces"));
  MINNOW_ASSIGN_OR_RETURN(rules.escape_whitespaces, json.GetBool("escape_whitespaces"));
  MINNOW_ASSIGN_OR_RETURN(rules.whitespace_is_suffix, json.GetBool("treat_whitespace_as_suffix"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView pieces, json.Get("user_defined"));
  MINNOW_RETURN_IF_ERROR(pieces.Array());
  size_t bytes = 0;
  for (const JsonView piece : pieces.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, piece.String());
    bytes += text.size();
    if (text.size() > StringMatcher::kMaxPatternBytes || bytes > StringMatcher::kMaxAllBytes)
      return piece.Wrong(Code::kUnsupported, "is too long, or all pieces together are");
    rules.user_defined.emplace_back(text);
  }
  return MakeSentencePieceNormalizer(std::move(rules));
}

Result<std::unique_ptr<const Normalizer>> ReadReplace(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, json.Get("pattern"));
  MINNOW_ASSIGN_OR_RETURN(ReplacePattern pattern, ReplacePattern::Read(field));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view content, json.GetString("content"));
  return MakeReplace(std::move(pattern), std::string(content));
}

Result<std::unique_ptr<const Normalizer>> ReadStrip(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const bool left, json.GetBool("strip_left"));
  MINNOW_ASSIGN_OR_RETURN(const bool right, json.GetBool("strip_right"));
  return MakeStrip(left, right);
}

Result<std::unique_ptr<const Normalizer>> ReadPrepend(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, json.GetString("prepend"));
  return MakePrepend(std::string(text));
}

Result<std::unique_ptr<const Normalizer>> ReadAnyNormalizer(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view type, ComponentType(json));
  if (type == "BertNormalizer") return ReadBertNormalizer(json);
  if (type == "Sequence") {
    MINNOW_ASSIGN_OR_RETURN(auto steps, ReadSteps(json, "normalizers", ReadNormalizer));
    return MakeNormalizerSequence(std::move(steps));
  }
  if (type == "Lowercase") return MakeLowercase();
  if (type == "NFD") return MakeDecompose(Decomposition::kCanonical);
  if (type == "NFKD") return MakeDecompose(Decomposition::kCompatibility);
  if (type == "NFC") return MakeCompose(Decomposition::kCanonical);
  if (type == "NFKC") return MakeCompose(Decomposition::kCompatibility);
  if (type == "StripAccents") return MakeStripAccents();
  if (type == "Precompiled") return ReadPrecompiled(json);
  if (type == "SentencePiece") return ReadSentencePiece(json);
  if (type == "Replace") return ReadReplace(json);
  if (type == "Strip") return ReadStrip(json);
  if (type == "Prepend") return ReadPrepend(json);
  if (type == "Nmt") return MakeNmt();
  return UnknownComponent(*json.Find("type"),
                          "BertNormalizer, Sequence, Lowercase, NFC, NFD, NFKC, NFKD, "
                          "StripAccents, Precompiled, Replace, Strip, Prepend, Nmt");
}

}  // namespace

Result<std::unique_ptr<const Normalizer>> ReadNormalizer(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(auto normalizer, ReadAnyNormalizer(json));
  MINNOW_RETURN_IF_ERROR(CheckGrowth(json, normalizer->growth().times));
  return normalizer;
}

}  // namespace minnow
