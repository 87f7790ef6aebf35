// SPDX-License-Identifier: Apache-2.0
// Tells directories from packed files.
#include "models/model_source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "formats/bundle.h"
#include "models/hub_cache.h"

namespace minnow {

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
  return source;
}

ModelSource ModelSource::FromPacked(std::shared_ptr<const PackedFile> packed) {
  ModelSource source;
  source.packed_ = std::move(packed);
  source.layout_ = source.packed_->header().layout;
  return source;
}

std::string ModelSource::model_id() const {
  if (packed_) return packed_->header().model_id;
  return ModelNameOf(directory_);
}

Result<EncoderConfig> ModelSource::ReadConfig() const {
  if (packed_) return packed_->header().config;
  return ReadEncoderConfig(layout_.transformer_directory + "/config.json");
}

int MaxSequenceTokens(const EncoderConfig& config, const SentenceTransformersLayout& layout) {
  return std::min(config.max_sequence_tokens(),
                  layout.max_seq_length.value_or(config.max_sequence_tokens()));
}

}  // namespace minnow
