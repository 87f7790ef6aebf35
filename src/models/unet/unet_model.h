// SPDX-License-Identifier: Apache-2.0
// UNetModel: noisy latents, timesteps and a prompt -> what the scheduler wants to know of the
// noise.
//
// Const after loading; may be used from any thread, each with its own ImageOps.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/packed.h"
#include "models/diffusion/part.h"
#include "models/unet/config.h"
#include "models/unet/weights.h"
#include "models/weights/loader.h"
#include "nn/image_ops.h"

namespace minnow {

// The keys and values that a prompt gives to every transformer, made once for all steps.
struct UNetPrompt {
  std::vector<FeatureMap> key_values;  // [images, 1, tokens, 2C] each, of the arena
};

struct UNetInput {
  const float* latents = nullptr;  // [images, in_channels, height, width]
  size_t images = 1;
  size_t height = 0;  // 1 at least
  size_t width = 0;
  std::span<const float> timesteps;  // of each image; may be fractions
  std::span<const float> guidance;   // of each image, or empty: scale that LCM was taught; without
                                     // time_cond_proj_dim nothing is made of it
  const UNetPrompt* prompt = nullptr;  // of as many images
};

class UNetModel {
 public:
  static Result<std::unique_ptr<UNetModel>> Load(const PartSource& source, Dtype dtype);
  static Result<std::unique_ptr<UNetModel>> Random(const UNetConfig& config, Dtype dtype,
                                                   size_t winograd_room_bytes = 0);

  const UNetConfig& config() const { return config_; }
  const PartInfo& info() const { return info_; }
  // The weights as a packed file holds them; they borrow from the model.
  std::vector<PackedTensor> PackedTensors() const;
  // PartStorage::Release
  void Release() const { storage_.Release(); }

  // hidden: [images, tokens, cross_attention_dim], the text encoder's. The maps stay in the arena
  // of `ops`, for as long as its owner keeps them.
  UNetPrompt PreparePrompt(ImageOps& ops, const float* hidden, size_t images, size_t tokens) const;

  // out: [images, out_channels, height, width]; null where `ops` plans. What is taken of the arena
  // is free again afterwards.
  void Forward(ImageOps& ops, const UNetInput& input, float* out) const;

 private:
  explicit UNetModel(UNetConfig config) : config_(std::move(config)) {}
  WeightList Weights();

  UNetConfig config_;
  PartInfo info_;
  PartStorage storage_;
  UNetWeights weights_;
};

}  // namespace minnow
