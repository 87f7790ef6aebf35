// SPDX-License-Identifier: Apache-2.0
// The weights of a T5 model, and the one list of them.
//
// Names after
// https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/t5/modeling_t5.py
// Letters: C d_model, I inner size of attention (heads times d_kv), F d_ff, V vocabulary.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/tensor_source.h"
#include "kernels/kernels.h"
#include "models/t5/config.h"
#include "models/weights/visitor.h"
#include "nn/embedding_table.h"
#include "nn/linear.h"
#include "nn/position_bias.h"

namespace minnow {

struct T5SelfAttentionWeights {
  const float* norm = nullptr;  // [C]: before it
  Linear query_key_value;       // [C] -> [3I]
  Linear output;                // [I] -> [C]
};

struct T5CrossAttentionWeights {
  const float* norm = nullptr;  // [C]: before it
  Linear query;                 // [C] -> [I]
  Linear key_value;             // [C] -> [2I], of the encoder's hidden states
  Linear output;                // [I] -> [C]
};

struct T5FeedForwardWeights {
  const float* norm = nullptr;  // [C]: before it
  Linear in;                    // [C] -> [F], or gated [2F]: what is activated, then its factor
  Linear out;                   // [F] -> [C]
};

struct T5EncoderBlock {
  T5SelfAttentionWeights attention;
  T5FeedForwardWeights feed_forward;
};

struct T5DecoderBlock {
  T5SelfAttentionWeights attention;
  T5CrossAttentionWeights cross;
  T5FeedForwardWeights feed_forward;
};

// The biases by distance of a stack: one for all of its blocks, or one for each.
struct T5PositionBiases {
  std::vector<EmbeddingTable> tables;  // [buckets, heads] each
  std::vector<PositionBias> biases;    // made of the tables once these are filled in

  const PositionBias& of_block(size_t block) const {
    return biases[biases.size() == 1 ? 0 : block];
  }
  size_t bytes() const;
};

// Views into what they were loaded to or from (models/weights/loader.h).
struct T5Weights {
  EmbeddingTable embedding;  // [V, C]
  std::vector<T5EncoderBlock> encoder;
  T5PositionBiases encoder_biases;
  const float* encoder_norm = nullptr;  // [C]
  std::vector<T5DecoderBlock> decoder;  // empty where only the encoder is there
  T5PositionBiases decoder_biases;
  const float* decoder_norm = nullptr;  // [C]
  Linear vocabulary;                    // [C] -> [V]
};

// What a checkpoint calls the two ends of a model, without ".weight"; often one tensor under one of
// four names.
struct T5Ends {
  std::string input = "shared";
  std::string output = "lm_head";
};

// Fails with kNotFound and the names that were tried.
Result<T5Ends> FindT5Ends(const TensorSource& source, const T5Config& config);

enum class T5Parts { kEncoder, kAll };

// Calls `visitor` for every weight of such a model, with its place in `weights`; ends at the first
// error.
Status VisitT5Weights(const T5Config& config, const T5Ends& ends, T5Parts parts, T5Weights& weights,
                      WeightVisitor& visitor);

// Makes the biases of their tables. May throw std::bad_alloc.
void FinishT5Weights(const T5Config& config, const Kernels& kernels, size_t max_input_tokens,
                     size_t max_output_tokens, T5Weights& weights);

}  // namespace minnow
