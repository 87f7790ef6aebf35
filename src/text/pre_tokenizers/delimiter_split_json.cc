// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's Split, Punctuation and Digits.
#include "base/utf8.h"
#include "text/component_json.h"
#include "text/pre_tokenizers/delimiter_split.h"
#include "text/pre_tokenizers/word_patterns.h"
#include "text/replace_pattern.h"

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

// The words of `pattern`, wherever they begin.
DelimiterPattern Words(WordPattern pattern) {
  return [pattern](std::string_view text, size_t from, TextSpan& delimiter) {
    for (size_t at = from; at < text.size();) {
      delimiter = {at, pattern(text, at)};
      if (delimiter.end > at) return true;
      ++at;
      while (at < text.size() && IsUtf8Continuation(text[at])) ++at;
    }
    return false;
  };
}

// {"Regex": "\\s+"} or {"String": " "}
Result<DelimiterPattern> ReadPattern(const JsonView& json) {
  MINNOW_RETURN_IF_ERROR(json.Object());
  if (const auto regex = json.Find("Regex")) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view expression, regex->String());
    if (const WordPattern pattern = FindWordPattern(expression)) return Words(pattern);
  }
  auto pattern = ReplacePattern::Read(json);
  if (!pattern.ok()) {
    Error error = pattern.error();
    if (json.Find("Regex")) error.message += "; those of GPT-2, CLIP and cl100k (Llama 3, Qwen 2)";
    return error;
  }
  return DelimiterPattern(
      [found = *std::move(pattern)](std::string_view text, size_t from, TextSpan& delimiter) {
        return found.Find(text, from, delimiter);
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
