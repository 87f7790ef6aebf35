// SPDX-License-Identifier: Apache-2.0
// Encoder: the BERT family's stack of self-attention layers over packed texts.
//
// Forward pass and names after transformers' BertModel:
// https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/models/bert/modeling_bert.py
// Letters: T tokens, B texts, E size of the embeddings, C hidden size, F intermediate size.
#pragma once

#include <cstddef>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "models/bert/config.h"
#include "models/token_batch.h"
#include "models/weights/visitor.h"
#include "nn/embedding_table.h"
#include "nn/linear.h"
#include "nn/position_bias.h"

namespace minnow {

struct TensorNames;

// The kernels' name of it.
MatmulActivation KernelActivation(EncoderActivation activation);

struct EncoderLayerWeights {
  Linear query_key_value;   // [C] -> [3C]: query, key, value side by side
  Linear attention_output;  // [C] -> [C]
  LayerNormWeights attention_norm;
  Linear intermediate;  // [C] -> [F]
  Linear output;        // [F] -> [C]
  LayerNormWeights output_norm;
};

// Views into what they were loaded to or from (models/weights/loader.h).
struct EncoderWeights {
  EmbeddingTable word_embeddings;        // [vocab_size, E]
  EmbeddingTable position_embeddings;    // [max_position_embeddings, E]
  EmbeddingTable token_type_embeddings;  // [type_vocab_size, E], or empty
  LayerNormWeights embeddings_norm;
  Linear embedding_projection;              // [E] -> [C], where the config has it
  EmbeddingTable position_bias_table;       // [buckets, heads], or empty
  std::vector<EncoderLayerWeights> layers;  // [layer_weights()]
  PositionBias position_bias;               // made of its table once that is filled in
};

// Fills in what is made of other weights. May throw std::bad_alloc.
void FinishWeights(const EncoderConfig& config, const Kernels& kernels, EncoderWeights& weights);

// Calls `visitor` for every weight of such a model, with its place in `weights`; ends at the first
// error. `stored`: what a checkpoint calls them.
Status VisitWeights(const EncoderConfig& config, const TensorNames& stored, EncoderWeights& weights,
                    WeightVisitor& visitor);

// Buffers of one forward pass, sized once.
class EncoderActivations {
 public:
  // REQUIRES: max_tokens >= the longest text to come.
  EncoderActivations(const EncoderConfig& config, Dtype dtype, size_t max_tokens,
                     size_t max_sequence_tokens, const Kernels& kernels, int threads);

  size_t max_tokens() const { return max_tokens_; }
  size_t bytes() const;

  // What one thread needs for itself.
  struct Member {
    AlignedBuffer<float> sum;           // [kRowBlock, C]: before a LayerNorm
    AlignedBuffer<float> intermediate;  // [kRowBlock, F]
    AlignedBuffer<float> attention;     // scratch of the attention kernel
    LinearScratch linear;               // rows in a lower precision
  };

  size_t hidden_stride = 0;  // floats from row to row, also where embeddings are wider
  size_t qkv_stride = 0;
  size_t intermediate_stride = 0;
  AlignedBuffer<float> hidden;   // [T, C]
  AlignedBuffer<float> context;  // [T, C]; before the first layer, the embeddings: [T, E]
  // [T, 3C]. Two with several threads, used by even and odd layers: a thread that is ahead may
  // write the next layer's while another still reads this one's, so that one meeting a layer is
  // enough.
  AlignedBuffer<float> qkv[2];
  std::vector<Member> members;
  void (*attention)(const AttentionF32* args);

 private:
  size_t max_tokens_;
};

// Leaves the last layer's hidden states in activations.hidden; the rows are split among the threads
// of `pool`. REQUIRES: as EncoderModel::Run, and that the batch fits `activations`. Allocates
// nothing.
void EncoderForward(const EncoderConfig& config, const EncoderWeights& weights,
                    const Kernels& kernels, const TokenBatch& batch, ThreadPool& pool,
                    EncoderActivations& activations);

// The same on the calling thread alone.
void EncoderForwardAlone(const EncoderConfig& config, const EncoderWeights& weights,
                         const Kernels& kernels, const TokenBatch& batch,
                         EncoderActivations& activations);

}  // namespace minnow
