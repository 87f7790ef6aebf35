// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "pre_tokenizer".
#include "text/component_json.h"
#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {

Result<std::unique_ptr<const PreTokenizer>> ReadPreTokenizer(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view type, ComponentType(json));
  if (type == "BertPreTokenizer") return MakeBertPreTokenizer();
  if (type == "Whitespace") return MakeWhitespace();
  if (type == "WhitespaceSplit") return MakeWhitespaceSplit();
  if (type == "Metaspace") {
    MINNOW_ASSIGN_OR_RETURN(MetaspaceOptions options, ReadMetaspaceOptions(json));
    return MakeMetaspace(std::move(options));
  }
  if (type == "Sequence") {
    MINNOW_ASSIGN_OR_RETURN(auto steps, ReadSteps(json, "pretokenizers", ReadPreTokenizer));
    return MakePreTokenizerSequence(std::move(steps));
  }
  return UnknownComponent(*json.Find("type"),
                          "BertPreTokenizer, Whitespace, WhitespaceSplit, Metaspace, Sequence");
}

}  // namespace minnow
