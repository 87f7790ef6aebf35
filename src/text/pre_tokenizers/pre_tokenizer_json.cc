// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "pre_tokenizer".
#include "text/component_json.h"
#include "text/pre_tokenizers/delimiter_split.h"
#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {
namespace {

Result<std::unique_ptr<const PreTokenizer>> ReadByteLevel(const JsonView& json) {
  ByteLevelOptions options;
  MINNOW_ASSIGN_OR_RETURN(options.add_prefix_space, json.GetBool("add_prefix_space"));
  MINNOW_ASSIGN_OR_RETURN(options.use_regex, json.GetBool("use_regex", true));
  return MakeByteLevel(options);
}

Result<std::unique_ptr<const PreTokenizer>> ReadAnyPreTokenizer(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view type, ComponentType(json));
  if (type == "BertPreTokenizer") return MakeBertPreTokenizer();
  if (type == "Whitespace") return MakeWhitespace();
  if (type == "WhitespaceSplit") return MakeWhitespaceSplit();
  if (type == "ByteLevel") return ReadByteLevel(json);
  if (type == "Split") return ReadSplit(json);
  if (type == "Punctuation") return ReadPunctuation(json);
  if (type == "Digits") return ReadDigits(json);
  if (type == "Metaspace") {
    MINNOW_ASSIGN_OR_RETURN(MetaspaceOptions options, ReadMetaspaceOptions(json));
    return MakeMetaspace(std::move(options));
  }
  if (type == "Sequence") {
    MINNOW_ASSIGN_OR_RETURN(auto steps, ReadSteps(json, "pretokenizers", ReadPreTokenizer));
    return MakePreTokenizerSequence(std::move(steps));
  }
  return UnknownComponent(*json.Find("type"),
                          "BertPreTokenizer, Whitespace, WhitespaceSplit, ByteLevel, Split, "
                          "Punctuation, Digits, Metaspace, Sequence");
}

}  // namespace

Result<std::unique_ptr<const PreTokenizer>> ReadPreTokenizer(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(auto pre_tokenizer, ReadAnyPreTokenizer(json));
  MINNOW_RETURN_IF_ERROR(CheckGrowth(json, pre_tokenizer->growth()));
  return pre_tokenizer;
}

}  // namespace minnow
