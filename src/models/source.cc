// SPDX-License-Identifier: Apache-2.0
// Tells directories from packed files.
#include "models/source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/mapped_file.h"
#include "formats/bundle.h"
#include "formats/checkpoint.h"
#include "models/hub_cache.h"
#include "models/registry.h"

namespace minnow {
namespace {

constexpr std::string_view kClassifierSuffix = "ForSequenceClassification";
constexpr const char* kHead = "head";

}  // namespace

const char* ModelKindName(ModelKind kind) {
  return kind == ModelKind::kClassification ? "classification" : "embedding";
}

Result<ModelSource> ModelSource::Open(const std::string& path) {
  std::error_code ec;
  if (path.empty() || std::filesystem::is_regular_file(path, ec)) {
    MINNOW_ASSIGN_OR_RETURN(auto packed,
                            path.empty() ? OpenBundledModel() : PackedFile::Open(path));
    return FromPacked(std::move(packed));
  }
  ModelSource source;
  source.directory_ = path;
  MINNOW_ASSIGN_OR_RETURN(source.layout_, ReadSentenceTransformersLayout(path));
  const std::string& directory = source.layout_.transformer_directory;
  source.components_.emplace(kTransformer, ModelComponent{directory, directory + "/config.json"});
  return source;
}

Result<ModelSource> ModelSource::FromPacked(std::shared_ptr<const PackedFile> packed) {
  const std::string& kind = packed->header().kind;
  if (kind != ModelKindName(ModelKind::kEmbedding) &&
      kind != ModelKindName(ModelKind::kClassification)) {
    return Error{Code::kUnsupported, packed->path() + ": models of kind " + QuoteForMessage(kind)};
  }
  ModelSource source;
  source.packed_ = std::move(packed);
  const auto& configs = source.packed_->header().configs;
  const auto where = [&](std::string_view component) {
    return source.name() + ": configuration of " + std::string(component);
  };
  for (const auto& [component, json] : configs)
    source.components_.emplace(component, ModelComponent{"", where(component)});
  for (const std::string_view component : {kTransformer, std::string_view(kHead)}) {
    if (!configs.contains(component))
      return Error{Code::kCorrupt, where(component) + " is missing"};
  }
  MINNOW_ASSIGN_OR_RETURN(source.layout_, ParseHeadJson(configs.at(kHead), where(kHead)));
  return source;
}

std::string ModelSource::model_id() const {
  if (packed_) return packed_->header().model_id;
  return ModelNameOf(directory_);
}

Result<std::string> ModelSource::ReadConfigJson(std::string_view component) const {
  if (packed_) return packed_->header().configs.find(component)->second;
  return ReadSmallFile(components_.find(component)->second.config, kMaxConfigBytes);
}

Result<std::shared_ptr<const TensorSource>> ModelSource::OpenTensors(
    std::string_view component) const {
  if (packed_) return std::shared_ptr<const TensorSource>(packed_);
  MINNOW_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                          Checkpoint::OpenDirectory(components_.find(component)->second.directory));
  return std::shared_ptr<const TensorSource>(std::make_shared<Checkpoint>(std::move(checkpoint)));
}

Result<EncoderConfig> ModelSource::ReadConfig() const {
  MINNOW_ASSIGN_OR_RETURN(const std::string json, ReadConfigJson(kTransformer));
  return ParseEncoderConfig(json, components_.find(kTransformer)->second.config);
}

ModelKind ModelSource::kind() const {
  if (packed_) {
    return packed_->header().kind == ModelKindName(ModelKind::kClassification)
               ? ModelKind::kClassification
               : ModelKind::kEmbedding;
  }
  if (!layout_.assumed) return ModelKind::kEmbedding;
  const auto config = ReadConfig();
  return config.ok() && config->architecture.ends_with(kClassifierSuffix)
             ? ModelKind::kClassification
             : ModelKind::kEmbedding;
}

int MaxSequenceTokens(const EncoderConfig& config, const SentenceTransformersLayout& layout) {
  return std::min(config.max_sequence_tokens(),
                  layout.max_seq_length.value_or(config.max_sequence_tokens()));
}

}  // namespace minnow
