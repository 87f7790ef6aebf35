// SPDX-License-Identifier: Apache-2.0
// The packed file's metadata: a few names, and JSON for what has structure.
#include "formats/packed_header.h"

#include <limits>
#include <string_view>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr const char* kModelId = "minnow.model_id";
constexpr const char* kPackedBy = "minnow.packed_by";
constexpr const char* kDtype = "minnow.dtype";
constexpr const char* kEmbeddingDtype = "minnow.embedding_dtype";
constexpr const char* kKind = "minnow.kind";
constexpr std::string_view kConfigPrefix = "minnow.config.";  // then the component's name
// Before version 3.
constexpr const char* kOldConfig = "minnow.config";
constexpr const char* kOldHead = "minnow.sentence";
constexpr const char* kTokenizer = "minnow.tokenizer";
constexpr const char* kQuality = "minnow.quality";

constexpr int64_t kMaxTexts = 1 << 20;

std::string QualityJson(const PackedQuality& quality) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("texts");
  json.Int(quality.texts);
  json.Key("cosine_mean");
  json.Double(quality.cosine_mean);
  json.Key("cosine_min");
  json.Double(quality.cosine_min);
  if (quality.same_label) {
    json.Key("same_label");
    json.Int(*quality.same_label);
  }
  json.EndObject();
  return text;
}

// JSON has no NaN: null stands for it.
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

Result<PackedQuality> ReadQuality(const std::string& text, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, name));
  PackedQuality quality;
  MINNOW_ASSIGN_OR_RETURN(const int64_t texts, document.root().GetInt("texts", 0, kMaxTexts));
  quality.texts = static_cast<int>(texts);
  MINNOW_ASSIGN_OR_RETURN(quality.cosine_mean,
                          document.root().GetNumber("cosine_mean", kNotANumber));
  MINNOW_ASSIGN_OR_RETURN(quality.cosine_min, document.root().GetNumber("cosine_min", kNotANumber));
  if (document.root().Find("same_label")) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t same, document.root().GetInt("same_label", 0, texts));
    quality.same_label = static_cast<int>(same);
  }
  return quality;
}

Result<int> ReadVersion(const SafetensorsMetadata& metadata, const std::string& name) {
  const auto version = metadata.find(kPackedVersionKey);
  if (version == metadata.end()) {
    return Error{Code::kUnsupported,
                 name + ": not a packed model (no " + kPackedVersionKey +
                     " in its metadata); give the model's directory, or make a packed file of it "
                     "with 'minnow pack'"};
  }
  for (int known = 1; known <= PackedFile::kVersion; ++known) {
    if (version->second == std::to_string(known)) return known;
  }
  return Error{Code::kUnsupported,
               name + ": " + kPackedVersionKey + ": version " + QuoteForMessage(version->second) +
                   "; this program reads versions up to " + std::to_string(PackedFile::kVersion)};
}

}  // namespace

SafetensorsMetadata PackedMetadata(const PackedHeader& header) {
  SafetensorsMetadata metadata = {{kPackedVersionKey, std::to_string(PackedFile::kVersion)},
                                  {kKind, header.kind},
                                  {kModelId, header.model_id},
                                  {kPackedBy, header.packed_by},
                                  {kDtype, header.dtype},
                                  {kEmbeddingDtype, header.embedding_dtype},
                                  {kTokenizer, header.tokenizer_json}};
  for (const auto& [component, json] : header.configs)
    metadata.emplace(std::string(kConfigPrefix) + component, json);
  if (header.quality) metadata.emplace(kQuality, QualityJson(*header.quality));
  return metadata;
}

Result<PackedHeader> ReadPackedMetadata(const SafetensorsMetadata& metadata,
                                        const std::string& name) {
  PackedHeader header;
  MINNOW_ASSIGN_OR_RETURN(header.version, ReadVersion(metadata, name));
  const bool old = header.version < 3;
  std::vector<std::pair<const char*, std::string*>> fields = {
      {kModelId, &header.model_id},
      {kPackedBy, &header.packed_by},
      {kDtype, &header.dtype},
      {kEmbeddingDtype, &header.embedding_dtype},
      {kTokenizer, &header.tokenizer_json}};
  if (old) {
    fields.push_back({kOldConfig, &header.configs["transformer"]});
    fields.push_back({kOldHead, &header.configs["head"]});
  } else {
    fields.push_back({kKind, &header.kind});
  }
  for (const auto& [key, value] : fields) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return Error{Code::kCorrupt, name + ": no " + key};
    *value = found->second;
  }
  for (const auto& [key, value] : metadata) {
    if (!old && key.starts_with(kConfigPrefix))
      header.configs.emplace(key.substr(kConfigPrefix.size()), value);
  }
  if (const auto quality = metadata.find(kQuality); quality != metadata.end()) {
    MINNOW_ASSIGN_OR_RETURN(header.quality, ReadQuality(quality->second, name + ": " + kQuality));
  }
  return header;
}

}  // namespace minnow
