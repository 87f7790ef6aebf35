// SPDX-License-Identifier: Apache-2.0
// The weights of a UNet, and the one list of them.
#pragma once

#include <array>
#include <vector>

#include "base/result.h"
#include "models/blocks/resnet.h"
#include "models/unet/config.h"
#include "models/unet/transformer.h"
#include "models/weights/visitor.h"

namespace minnow {

// The blocks of one resolution on one of the two ways.
struct UNetStage {
  std::vector<ResnetWeights> resnets;
  std::vector<UNetTransformer> transformers;  // one after each resnet, or none
  Convolution sampler;                        // to the next resolution
  bool has_sampler = false;
};

struct UNetWeights {
  Linear guidance;  // LCM's, [time_cond_proj_dim] -> [C0]
  std::array<Linear, 2> time;
  Convolution conv_in;
  std::vector<UNetStage> down;
  std::array<ResnetWeights, 2> mid;
  UNetTransformer mid_transformer;
  std::vector<UNetStage> up;
  GroupNorm norm_out;
  Convolution conv_out;
};

Status VisitUNetWeights(const UNetConfig& config, UNetWeights& weights, WeightVisitor& visitor);

}  // namespace minnow
