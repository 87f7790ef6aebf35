// SPDX-License-Identifier: Apache-2.0
// What a config.json of diffusers says about an AutoencoderKL or an AutoencoderTiny (TAESD).
//
// Names and defaults after
// https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/autoencoders/autoencoder_kl.py
// https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/autoencoders/autoencoder_tiny.py
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace minnow {

// Every size is checked on reading: positive, below the limits in config.cc, and one divides the
// other where it has to. A field with a value that is not implemented is kUnsupported.
struct KlVaeConfig {
  size_t image_channels = 3;
  size_t latent_channels = 4;
  std::vector<size_t> block_channels;  // from the image on
  size_t layers_per_block = 1;         // one more in the decoder
  size_t groups = 32;
  bool mid_attention = true;
  bool quant_conv = true;
  bool post_quant_conv = true;
  float scaling_factor = 0.18215f;
  float shift_factor = 0;
};

struct TinyVaeConfig {
  size_t image_channels = 3;
  size_t latent_channels = 4;
  size_t channels = 64;
  std::vector<size_t> encoder_blocks = {1, 3, 3, 3};  // of each resolution, from the image on
  std::vector<size_t> decoder_blocks = {3, 3, 3, 1};  // from the latents on
  float scaling_factor = 1;
  float shift_factor = 0;
};

// The text of a config.json; `name` stands for it in messages, which name the field.
Result<KlVaeConfig> ParseKlVaeConfig(const std::string& json, const std::string& name);
Result<TinyVaeConfig> ParseTinyVaeConfig(const std::string& json, const std::string& name);
// Whether it is one of AutoencoderTiny; what else is wrong with it, the parsers tell.
bool IsTinyVaeConfig(const std::string& json);

}  // namespace minnow
