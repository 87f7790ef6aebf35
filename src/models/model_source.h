// SPDX-License-Identifier: Apache-2.0
// ModelSource: where a model comes from: a directory, a packed file, or the program itself.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "formats/encoder_config.h"
#include "formats/packed.h"
#include "formats/sentence_transformers.h"

namespace minnow {

class ModelSource {
 public:
  // `path`: a directory, a packed file, or empty for the model in the running program
  // (formats/bundle.h). Fails with kNotFound, kCorrupt or kUnsupported; kInvalidArgument where
  // `path` is empty and the program has no model.
  static Result<ModelSource> Open(const std::string& path);

  static ModelSource FromPacked(std::shared_ptr<const PackedFile> packed);

  // The packed file, or null for a directory.
  const std::shared_ptr<const PackedFile>& packed() const { return packed_; }
  // The directory; empty for a packed file.
  const std::string& directory() const { return directory_; }
  // For messages.
  const std::string& name() const { return packed_ ? packed_->path() : directory_; }
  // The directory's name (models/hub_cache.h), or what the packed file says.
  std::string model_id() const;
  const SentenceTransformersLayout& layout() const { return layout_; }
  // Reads config.json, or gives the packed file's.
  Result<EncoderConfig> ReadConfig() const;

 private:
  std::string directory_;
  std::shared_ptr<const PackedFile> packed_;
  SentenceTransformersLayout layout_;
};

// Longest text in tokens, special tokens included: what the position table and the layout allow.
int MaxSequenceTokens(const EncoderConfig& config, const SentenceTransformersLayout& layout);

}  // namespace minnow
