// SPDX-License-Identifier: Apache-2.0
// Configurations of the parts of a single-file checkpoint, by the shapes of its tensors.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "formats/checkpoint.h"

namespace minnow {

struct SingleFileConfigs {
  std::string unet;
  std::string vae;
  std::string text_encoder;
  std::string scheduler;
  size_t unet_layers = 0;  // residual blocks of one resolution on the way down
  size_t vae_levels = 0;   // resolutions
  bool open_clip = false;  // the text encoder's names and activation
};

// Fails with kUnsupported or kCorrupt.
Result<SingleFileConfigs> InferSingleFileConfigs(const Checkpoint& checkpoint);

}  // namespace minnow
