// SPDX-License-Identifier: Apache-2.0
// Tells directories from packed files.
#include "models/model_source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "formats/bundle.h"

namespace minnow {

Result<ModelSource> ModelSource::Open(const std::string& path) {
  ModelSource source;
  std::error_code ec;
  if (path.empty()) {
    MINNOW_ASSIGN_OR_RETURN(source.packed_, OpenBundledModel());
  } else if (std::filesystem::is_regular_file(path, ec)) {
    MINNOW_ASSIGN_OR_RETURN(source.packed_, PackedFile::Open(path));
  } else {
    source.directory_ = path;
    MINNOW_ASSIGN_OR_RETURN(source.layout_, ReadSentenceTransformersLayout(path));
    return source;
  }
  source.layout_ = source.packed_->header().layout;
  return source;
}

std::string ModelSource::model_id() const {
  if (packed_) return packed_->header().model_id;
  return std::filesystem::path(directory_ + "/").parent_path().filename().string();
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
