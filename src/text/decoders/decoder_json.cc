// SPDX-License-Identifier: Apache-2.0
// tokenizer.json's "decoder".
#include <utility>

#include "base/utf8.h"
#include "text/component_json.h"
#include "text/decoders/decoder.h"
#include "text/replace_pattern.h"

namespace minnow {
namespace {

Result<std::unique_ptr<const Decoder>> ReadReplaceDecoder(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, json.Get("pattern"));
  MINNOW_ASSIGN_OR_RETURN(ReplacePattern pattern, ReplacePattern::Read(field));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view content, json.GetString("content"));
  return MakeReplaceDecoder(std::move(pattern), std::string(content));
}

Result<std::unique_ptr<const Decoder>> ReadStripDecoder(const JsonView& json) {
  constexpr int64_t kMaxCount = int64_t{1} << 30;
  MINNOW_ASSIGN_OR_RETURN(const std::string_view content, json.GetString("content"));
  if (CountCodePoints(content) != 1) return json.Find("content")->Expected("one character");
  MINNOW_ASSIGN_OR_RETURN(const int64_t start, json.GetInt("start", 0, kMaxCount));
  MINNOW_ASSIGN_OR_RETURN(const int64_t stop, json.GetInt("stop", 0, kMaxCount));
  return MakeStripDecoder(std::string(content), static_cast<size_t>(start),
                          static_cast<size_t>(stop));
}

Result<std::unique_ptr<const Decoder>> ReadAnyDecoder(const JsonView& json) {
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
  if (type == "Metaspace") {
    MINNOW_ASSIGN_OR_RETURN(MetaspaceOptions options, ReadMetaspaceOptions(json));
    return MakeMetaspaceDecoder(std::move(options));
  }
  if (type == "Replace") return ReadReplaceDecoder(json);
  if (type == "Strip") return ReadStripDecoder(json);
  if (type == "Fuse") return MakeFuseDecoder();
  if (type == "ByteFallback") return MakeByteFallbackDecoder();
  return UnknownComponent(*json.Find("type"),
                          "WordPiece, Sequence, Metaspace, Replace, Strip, Fuse, ByteFallback");
}

}  // namespace

size_t DecoderChain::growth() const {
  size_t growth = 1;
  for (const auto& step : steps_) growth = GrowthOfBoth(growth, step->growth());
  return growth;
}

Result<std::unique_ptr<const Decoder>> ReadDecoder(const JsonView& json) {
  MINNOW_ASSIGN_OR_RETURN(auto decoder, ReadAnyDecoder(json));
  MINNOW_RETURN_IF_ERROR(CheckGrowth(json, decoder->growth()));
  return decoder;
}

}  // namespace minnow
