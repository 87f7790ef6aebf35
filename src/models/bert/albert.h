// SPDX-License-Identifier: Apache-2.0
// ALBERT: BERT whose layers share their weights, over embeddings of a size of their own.
//
// Names after
// https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/models/albert/modeling_albert.py
#pragma once

#include "models/bert/family.h"

namespace minnow {

inline constexpr EncoderFamily kAlbert = {
    .model_type = "albert",
    .activation = EncoderActivation::kGeluTanh,
    .embedding_projection = EmbeddingProjection::kAlways,
    .config = {.groups = "num_hidden_groups", .group_layers = "inner_group_num"},
    .tensors = {.prefix = "albert.",
                .embedding_projection = "encoder.embedding_hidden_mapping_in",
                .layer = "encoder.albert_layer_groups.",
                .group_layer = "albert_layers.",
                .query = "attention.query",
                .key = "attention.key",
                .value = "attention.value",
                .attention_output = "attention.dense",
                .attention_norm = "attention.LayerNorm",
                .intermediate = "ffn",
                .output = "ffn_output",
                .output_norm = "full_layer_layer_norm"},
    .classifier = {.dense = "albert.pooler"},
    .masks = {.dense = "predictions.dense",
              .norm = "predictions.LayerNorm",
              .decoder = "predictions.decoder",
              .bias = "predictions.bias"}};

}  // namespace minnow
