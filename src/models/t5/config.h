// SPDX-License-Identifier: Apache-2.0
// T5Config: what a Hugging Face config.json says about a model of T5's family: T5, its version 1.1,
// FLAN and ByT5 (all "t5"), mT5 and umT5.
//
// Names and defaults after
// https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/t5/configuration_t5.py
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/bert/config.h"
#include "nn/position_bias.h"

namespace minnow {

// Every size is checked on reading: positive and below the limits in config.cc. An unknown value of
// a named field is kUnsupported, never guessed.
struct T5Config {
  std::string model_type;    // "t5", "mt5", "umt5"
  std::string architecture;  // the first of architectures, or empty
  int vocab_size = 0;        // rows of the embedding and of the output matrix
  int d_model = 0;
  int d_kv = 0;  // of a head
  int d_ff = 0;
  int num_heads = 0;
  int num_layers = 0;  // of the encoder
  int num_decoder_layers = 0;
  DistanceBuckets encoder_buckets;
  DistanceBuckets decoder_buckets;   // of queries that see themselves and what was before
  bool bias_in_every_block = false;  // umT5; the others have one table a stack
  float layer_norm_epsilon = 1e-6f;
  bool gated = false;  // act(wi_0 x) * (wi_1 x), not act(wi x)
  EncoderActivation activation = EncoderActivation::kRelu;
  bool tie_word_embeddings = true;
  bool scale_decoder_outputs = true;  // by d_model^-0.5, before the vocabulary product
  int pad_token_id = 0;
  std::optional<int> decoder_start_token_id;  // null: generation_config.json may have it

  // Channels of queries, of keys and of values: of all heads, and maybe not d_model.
  size_t inner() const { return static_cast<size_t>(num_heads) * static_cast<size_t>(d_kv); }
  // Outputs of the feed-forward's first product.
  size_t feed_forward_width() const { return static_cast<size_t>(d_ff) * (gated ? 2 : 1); }
  // Tables of position biases of each stack.
  int encoder_tables() const { return bias_in_every_block ? num_layers : 1; }
  int decoder_tables() const { return bias_in_every_block ? num_decoder_layers : 1; }
};

// Whether a config.json with that model_type is of this family.
bool IsT5(std::string_view model_type);

// Whether a config.json is of such a model with a decoder, by model_type and architectures alone:
// what else is wrong with it, loading tells.
bool IsT5TextToText(const std::string& json);

// The text of a config.json; `name` stands for it in messages, which name the field. Another
// model_type is kUnsupported.
Result<T5Config> ParseT5Config(const std::string& json, const std::string& name);

}  // namespace minnow
