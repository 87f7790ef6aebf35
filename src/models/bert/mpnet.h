// SPDX-License-Identifier: Apache-2.0
// MPNet: RoBERTa without token types, and with a bias by distance on attention's scores.
//
// Names after
// https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/models/mpnet/modeling_mpnet.py
#pragma once

#include "models/bert/family.h"

namespace minnow {

// Padding is id 1 whatever config.json says; distances of 128 and more share a bucket.
inline constexpr EncoderFamily kMpnet = {
    .model_type = "mpnet",
    .position_ids = PositionIds::kAfterPaddingIdx,
    .pad_token_id = 1,
    .config = {.token_types = nullptr,
               .pad_token_id = nullptr,
               .position_buckets = "relative_attention_num_buckets"},
    .tensors = {.prefix = "mpnet.",
                .query = "attention.attn.q",
                .key = "attention.attn.k",
                .value = "attention.attn.v",
                .attention_output = "attention.attn.o",
                .attention_norm = "attention.LayerNorm"},
    .classifier = {.dense = "classifier.dense", .out = "classifier.out_proj"},
    .masks = {.dense = "lm_head.dense",
              .norm = "lm_head.layer_norm",
              .decoder = "lm_head.decoder",
              .bias = "lm_head.bias",
              .activation = EncoderActivation::kGeluErf}};

}  // namespace minnow
