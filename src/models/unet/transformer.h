// SPDX-License-Identifier: Apache-2.0
// The transformer between residual blocks: pixels attend to each other and to the prompt.
//
// Names after
// https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/transformers/transformer_2d.py
// Letters: C channels, P the prompt's channels.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/blocks/weight_lister.h"
#include "nn/image_ops.h"

namespace minnow {

struct UNetTransformerBlock {
  LayerNorm norm1;
  Linear self_query_key_value;  // [C] -> [3C]
  Linear self_output;           // [C] -> [C]
  LayerNorm norm2;
  Linear cross_query;      // [C] -> [C]
  Linear cross_key_value;  // [P] -> [2C]
  Linear cross_output;     // [C] -> [C]
  LayerNorm norm3;
  Linear feed_forward_in;   // [C] -> [8C]: values, then their gates
  Linear feed_forward_out;  // [4C] -> [C]
};

struct UNetTransformer {
  size_t heads = 1;
  GroupNorm norm;
  Convolution project_in;  // 1x1
  std::vector<UNetTransformerBlock> blocks;
  Linear project_out;  // [C] -> [C]
};

struct UNetTransformerShape {
  size_t channels;
  size_t heads;
  size_t layers;
  size_t prompt_channels;
  size_t groups;
};

void ListTransformer(WeightLister& list, const std::string& name, const UNetTransformerShape& shape,
                     UNetTransformer& weights);

// x: changed in place. key_values: of the prompt, [images, 1, tokens, 2C] for each block.
void RunTransformer(ImageOps& ops, const UNetTransformer& weights,
                    std::span<const FeatureMap> key_values, FeatureMap& x);

}  // namespace minnow
