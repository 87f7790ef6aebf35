// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's Split, Punctuation and Digits.
#include "text/component_json.h"
#include "text/pre_tokenizers/delimiter_split.h"
#include "text/pre_tokenizers/word_patterns.h"

namespace minnow {
namespace {

Result<DelimiterBehavior> ReadBehavior(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, json.String());
  if (name == "Removed") return DelimiterBehavior::kRemoved;
  if (name == "Isolated") return DelimiterBehavior::kIsolated;
  if (name == "MergedWithPrevious") return DelimiterBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return DelimiterBehavior::kMergedWithNext;
  if (name == "Contiguous") return DelimiterBehavior::kContiguous;
  return UnknownComponent(json,
                          "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

// {"Regex": "\\s+"} or {"String": " "}
Result<DelimiterPattern> ReadPattern(const JsonView& json) {
  MINNOW_RETURN_IF_ERROR(json.Object());
  if (const auto regex = json.Find("Regex")) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view expression, regex->String());
    const WordPattern pattern = FindWordPattern(expression);
    if (pattern == nullptr) {
      return regex->Wrong(Code::kUnsupported,
                          "not one of those supported: those of GPT-2, CLIP, "
                          "cl100k (Llama 3, Qwen 2), and \\s+");
    }
    return DelimiterPattern(pattern);
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, json.GetString("String"));
  if (text.empty()) return json.Find("String")->Wrong(Code::kUnsupported, "must not be empty");
  return DelimiterPattern([literal = std::string(text)](std::string_view in, size_t at) {
    return in.substr(at).starts_with(literal) ? at + literal.size() : at;
  });
}

}  // namespace

Result<std::unique_ptr<const PreTokenizer>> ReadSplit(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView pattern_json, json.Get("pattern"));
  MINNOW_ASSIGN_OR_RETURN(DelimiterPattern pattern, ReadPattern(pattern_json));
  MINNOW_ASSIGN_OR_RETURN(const JsonView behavior_json, json.Get("behavior"));
  MINNOW_ASSIGN_OR_RETURN(const DelimiterBehavior behavior, ReadBehavior(behavior_json));
  MINNOW_ASSIGN_OR_RETURN(const bool invert, json.GetBool("invert"));
  return MakeDelimiterSplit(std::move(pattern), behavior, invert);
}

Result<std::unique_ptr<const PreTokenizer>> ReadPunctuation(const JsonView& json) {
  DelimiterBehavior behavior = DelimiterBehavior::kIsolated;
  if (const auto given = json.Find("behavior")) {
    MINNOW_ASSIGN_OR_RETURN(behavior, ReadBehavior(*given));
  }
  return MakePunctuation(behavior);
}

Result<std::unique_ptr<const PreTokenizer>> ReadDigits(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const bool individual_digits, json.GetBool("individual_digits"));
  return MakeDigits(individual_digits);
}

}  // namespace minnow
