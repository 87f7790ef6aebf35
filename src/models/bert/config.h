// SPDX-License-Identifier: Apache-2.0
// EncoderConfig: what a Hugging Face config.json says about an encoder of BERT's family, under
// whatever names (models/bert/family.h).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "formats/json.h"
#include "nn/position_bias.h"

namespace minnow {

struct EncoderFamily;

enum class EncoderActivation { kGeluErf, kGeluTanh, kRelu };

const char* ActivationName(EncoderActivation activation);  // "gelu", "gelu_tanh", "relu"

// How a token's row in the position table is found.
enum class PositionIds {
  kFromZero,         // BERT: 0, 1, 2, ...
  kAfterPaddingIdx,  // RoBERTa, XLM-R: padding_idx + 1, ...; 514 rows serve 512 tokens
};

// Every size is checked on reading: positive, below the limits in config.cc, hidden_size
// divisible by the number of attention heads. An unknown value of a named field is kUnsupported,
// never guessed.
struct EncoderConfig {
  std::string model_type;    // "bert", "roberta", "xlm-roberta", ...
  std::string architecture;  // the first of architectures, or empty
  int vocab_size = 0;
  int hidden_size = 0;
  // Columns of the tables where a product makes hidden_size of them; 0: there is no such product.
  int embedding_size = 0;
  int num_hidden_layers = 0;
  // ALBERT: the layers of a group are applied one after the other, with the same weights in every
  // one of the hidden layers that fall to the group. 0: each hidden layer has its own.
  int num_hidden_groups = 0;
  int inner_group_num = 1;  // layers of a group
  int num_attention_heads = 0;
  DistanceBuckets position_bias;  // added to attention's scores; a count of 0: none
  int intermediate_size = 0;
  EncoderActivation hidden_act = EncoderActivation::kGeluErf;
  float layer_norm_eps = 1e-12f;
  int max_position_embeddings = 0;  // rows of the position table
  int type_vocab_size = 0;          // rows of the token type table; 0: there is none
  int pad_token_id = 0;
  PositionIds position_ids = PositionIds::kFromZero;
  bool tie_word_embeddings = true;  // what a mask's token is told by is the word table
  int head_dim() const { return hidden_size / num_attention_heads; }
  // The longest sequence that the position table serves, special tokens included.
  int max_sequence_tokens() const {
    return position_ids == PositionIds::kFromZero ? max_position_embeddings
                                                  : max_position_embeddings - pad_token_id - 1;
  }
  // Columns of the embedding tables.
  int embedding_width() const { return embedding_size == 0 ? hidden_size : embedding_size; }
  // Layers that have weights, and how often one of them is applied.
  int layer_weights() const {
    return (num_hidden_groups == 0 ? num_hidden_layers : num_hidden_groups) * inner_group_num;
  }
  int layer_steps() const { return num_hidden_layers * inner_group_num; }
  // The weights of a step, in [0, layer_weights()).
  int WeightsOfStep(int step) const;
};

// Reads the fields that `family` names. The message of a failure names the file and the field.
Result<EncoderConfig> ReadFamilyConfig(const JsonView& root, const EncoderFamily& family);

}  // namespace minnow
