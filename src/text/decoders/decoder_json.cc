// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "decoder".
#include "text/component_json.h"
#include "text/decoders/decoder.h"

namespace minnow {

Result<std::unique_ptr<const Decoder>> ReadDecoder(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view type, ComponentType(json));
  if (type == "WordPiece") {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view prefix, json.GetString("prefix"));
    MINNOW_ASSIGN_OR_RETURN(const bool cleanup, json.GetBool("cleanup"));
    return MakeWordPieceDecoder(std::string(prefix), cleanup);
  }
  if (type == "ByteLevel") return MakeByteLevelDecoder();
  if (type == "BPEDecoder") {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view suffix, json.GetString("suffix"));
    if (suffix.empty()) return json.Find("suffix")->Wrong(Code::kUnsupported, "must not be empty");
    return MakeBpeDecoder(std::string(suffix));
  }
  if (type == "Sequence") {
    MINNOW_ASSIGN_OR_RETURN(auto steps, ReadSteps(json, "decoders", ReadDecoder));
    return std::unique_ptr<const Decoder>(std::make_unique<DecoderChain>(std::move(steps)));
  }
  return UnknownComponent(*json.Find("type"), "WordPiece, ByteLevel, BPEDecoder, Sequence");
}

}  // namespace minnow
