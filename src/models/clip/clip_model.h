// SPDX-License-Identifier: Apache-2.0
// ClipTextModel: token ids of a prompt -> hidden states of all its positions.
//
// Const after loading; may be used from any thread, each with its own ImageOps.
// Names after
// https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/clip/modeling_clip.py
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/packed.h"
#include "models/clip/config.h"
#include "models/diffusion/part.h"
#include "nn/embedding_table.h"
#include "nn/image_ops.h"

namespace minnow {

struct ClipLayer {
  LayerNorm norm1;
  Linear query_key_value;
  Linear output;
  LayerNorm norm2;
  Linear fc1;
  Linear fc2;
};

struct ClipTextWeights {
  EmbeddingTable tokens;     // [vocabulary, C]
  EmbeddingTable positions;  // [positions, C]
  std::vector<ClipLayer> layers;
  LayerNorm final_norm;
};

class ClipTextModel {
 public:
  // The names in the source are those without "text_model.".
  static Result<std::unique_ptr<ClipTextModel>> Load(const PartSource& source, Dtype dtype);
  static Result<std::unique_ptr<ClipTextModel>> Random(const ClipTextConfig& config, Dtype dtype);

  const ClipTextConfig& config() const { return config_; }
  const PartInfo& info() const { return info_; }
  std::vector<PackedTensor> PackedTensors() const;
  // PartStorage::Release
  void Release() const { storage_.Release(); }

  // ids: [prompts, positions], each below vocab_size. clip_skip: layers at the end that are left
  // out, fewer than there are; the last norm follows in any case. out: [prompts, positions,
  // hidden_size]; null where `ops` plans.
  void Forward(ImageOps& ops, std::span<const int32_t> ids, size_t clip_skip, float* out) const;

 private:
  explicit ClipTextModel(const ClipTextConfig& config) : config_(config) {}
  WeightList Weights();
  void Embed(ImageOps& ops, std::span<const int32_t> ids, FeatureMap& x) const;
  void RunLayer(ImageOps& ops, const ClipLayer& layer, FeatureMap& x) const;

  ClipTextConfig config_;
  PartInfo info_;
  PartStorage storage_;
  ClipTextWeights weights_;
};

}  // namespace minnow
