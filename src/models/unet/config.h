// SPDX-License-Identifier: Apache-2.0
// UNetConfig: what a config.json of diffusers says about a UNet2DConditionModel of Stable Diffusion
// 1 and 2, Turbo, LCM and their inpainting forms.
//
// Names and defaults after
// https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/unets/unet_2d_condition.py
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace minnow {

// Of one resolution, on the way down; on the way up they come in reverse order.
struct UNetLevel {
  size_t channels = 0;
  size_t heads = 0;               // of its transformers
  size_t transformer_layers = 1;  // in each of them
};

// Every size is checked on reading: positive, below the limits in config.cc, and one divides the
// other where it has to. A field with a value that is not implemented is kUnsupported.
struct UNetConfig {
  size_t in_channels = 4;  // 9: latents, mask and masked latents of an inpainting model
  size_t out_channels = 4;
  std::vector<UNetLevel> levels;
  std::vector<bool> down_attention;  // of each down block
  std::vector<bool> up_attention;    // of each up block, from the lowest resolution on
  size_t layers_per_block = 2;       // one more on the way up
  size_t cross_attention_dim = 1280;
  size_t groups = 32;
  float norm_epsilon = 1e-5f;
  bool flip_sin_to_cos = true;
  float freq_shift = 0;
  size_t time_embedding_dim = 0;
  size_t time_cond_proj_dim = 0;  // LCM: of the embedding of guidance; 0: none
  size_t sample_size = 64;        // side of the latents that it was trained with

  size_t base_channels() const { return levels.front().channels; }
};

// The text of a config.json; `name` stands for it in messages, which name the field.
Result<UNetConfig> ParseUNetConfig(const std::string& json, const std::string& name);

}  // namespace minnow
