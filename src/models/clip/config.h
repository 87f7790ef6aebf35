// SPDX-License-Identifier: Apache-2.0
// ClipTextConfig: what a config.json says about the text encoder of CLIP or of OpenCLIP.
//
// Names and defaults after
// https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/clip/configuration_clip.py
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "nn/image_ops.h"

namespace minnow {

// Every size is checked on reading: positive and below the limits in config.cc. An unknown value of
// a named field is kUnsupported.
struct ClipTextConfig {
  size_t vocab_size = 49408;
  size_t hidden_size = 512;
  size_t intermediate_size = 2048;
  size_t layers = 12;
  size_t heads = 8;
  size_t positions = 77;  // length of every prompt, with what fills it up
  float layer_norm_epsilon = 1e-5f;
  Activation activation = Activation::kQuickGelu;  // or kGeluErf
};

// The text of a config.json of the text encoder, or of a whole CLIP; `name` stands for it in
// messages, which name the field.
Result<ClipTextConfig> ParseClipTextConfig(const std::string& json, const std::string& name);

}  // namespace minnow
