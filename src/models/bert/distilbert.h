// SPDX-License-Identifier: Apache-2.0
// DistilBERT: BERT without token types, under other names.
//
// Names after
// https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/models/distilbert/modeling_distilbert.py
#pragma once

#include "models/bert/family.h"

namespace minnow {

inline constexpr EncoderFamily kDistilBert = {
    .model_type = "distilbert",
    .config = {.hidden_size = "dim",
               .layers = "n_layers",
               .heads = "n_heads",
               .intermediate_size = "hidden_dim",
               .token_types = nullptr,
               .activation = "activation",
               .epsilon = nullptr},
    .tensors = {.prefix = "distilbert.",
                .layer = "transformer.layer.",
                .query = "attention.q_lin",
                .key = "attention.k_lin",
                .value = "attention.v_lin",
                .attention_output = "attention.out_lin",
                .attention_norm = "sa_layer_norm",
                .intermediate = "ffn.lin1",
                .output = "ffn.lin2",
                .output_norm = "output_layer_norm"},
    .classifier = {.dense = "pre_classifier", .activation = DenseActivation::kRelu},
    .masks = {.dense = "vocab_transform",
              .norm = "vocab_layer_norm",
              .decoder = "vocab_projector",
              .bias = "vocab_projector.bias"}};

}  // namespace minnow
