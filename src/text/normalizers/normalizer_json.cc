// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "normalizer".
#include "text/component_json.h"
#include "text/normalizers/bert_normalizer.h"
#include "text/normalizers/normalizer.h"

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

// Of its patterns only the regular expression \s+.
Result<std::unique_ptr<const Normalizer>> ReadReplace(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView pattern, json.Get("pattern"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view content, json.GetString("content"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view regex, pattern.GetString("Regex", ""));
  if (regex != "\\s+") return UnknownComponent(pattern, "the Regex \\s+");
  return MakeReplaceWhiteSpace(std::string(content));
}

}  // namespace

Result<std::unique_ptr<const Normalizer>> ReadNormalizer(const JsonView& json) {
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
  if (type == "Replace") return ReadReplace(json);
  if (type == "StripAccents") return MakeStripAccents();
  return UnknownComponent(*json.Find("type"),
                          "BertNormalizer, Sequence, Lowercase, NFC, NFD, NFKC, NFKD, Replace, "
                          "StripAccents");
}

}  // namespace minnow
