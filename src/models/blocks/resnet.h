// SPDX-License-Identifier: Apache-2.0
// The residual block of UNets and of VAEs: norm, SiLU, convolution, twice.
//
// Names after
// https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/resnet.py
#pragma once

#include <string>

#include "models/blocks/weight_lister.h"
#include "nn/image_ops.h"

namespace minnow {

struct ResnetWeights {
  GroupNorm norm1;
  Convolution conv1;
  Linear time;  // of the time embedding, to the outputs of conv1; of a VAE, none
  GroupNorm norm2;
  Convolution conv2;
  Convolution shortcut;  // 1x1; only where the channels change
  bool has_shortcut = false;
};

struct ResnetShape {
  size_t in;
  size_t out;
  size_t time = 0;  // channels of the time embedding; 0: there is none
  size_t groups;
  float epsilon;
};

void ListResnet(WeightLister& list, const std::string& name, const ResnetShape& shape,
                ResnetWeights& weights);

// x and then `skip` (or null): the block's input. per_image: [images, PaddedColumns(out)] or null,
// the time embedding's part. y: may be x where the block has no shortcut.
void RunResnet(ImageOps& ops, const ResnetWeights& weights, const FeatureMap& x,
               const FeatureMap* skip, const float* per_image, FeatureMap& y);

}  // namespace minnow
