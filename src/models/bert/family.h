// SPDX-License-Identifier: Apache-2.0
// EncoderFamily: how a relative of BERT differs: names of config fields and of tensors, the first
// position, and the heads that its models have. The forward pass is one for all.
#pragma once

#include <optional>
#include <string_view>

#include "models/bert/config.h"
#include "models/heads/sentence_transformers.h"

namespace minnow {

// Fields of config.json. Null: the family has no such field.
struct ConfigNames {
  const char* vocab_size = "vocab_size";
  const char* hidden_size = "hidden_size";
  const char* layers = "num_hidden_layers";
  const char* heads = "num_attention_heads";
  const char* intermediate_size = "intermediate_size";
  const char* positions = "max_position_embeddings";
  const char* token_types = "type_vocab_size";  // null: no table of token types
  const char* activation = "hidden_act";
  const char* epsilon = "layer_norm_eps";     // null: 1e-12
  const char* pad_token_id = "pad_token_id";  // null: the family's
  const char* groups = nullptr;               // of layers that share weights
  const char* group_layers = nullptr;         // layers of a group
  const char* position_buckets = nullptr;     // of a bias by distance
};

// Whether a product makes hidden_size of the embeddings' own size.
enum class EmbeddingProjection {
  kNever,        // they are of one size
  kIfDifferent,  // ELECTRA
  kAlways,       // ALBERT
};

// Tensors of a checkpoint, each NAME.weight and NAME.bias. The defaults are also what a packed file
// calls them.
struct TensorNames {
  // Before every name of the encoder, in a checkpoint that holds a head besides.
  const char* prefix = "bert.";
  const char* word_embeddings = "embeddings.word_embeddings";
  const char* position_embeddings = "embeddings.position_embeddings";
  const char* token_type_embeddings = "embeddings.token_type_embeddings";
  const char* embeddings_norm = "embeddings.LayerNorm";
  const char* embedding_projection = "embeddings.projection";     // no name of BERT's
  const char* position_bias = "encoder.relative_attention_bias";  // of MPNet: weight alone
  const char* layer = "encoder.layer.";  // then the layer's number, a dot, and:
  const char* group_layer = nullptr;     // of a group; then the group's layer, a dot, and:
  const char* query = "attention.self.query";
  const char* key = "attention.self.key";
  const char* value = "attention.self.value";
  const char* attention_output = "attention.output.dense";
  const char* attention_norm = "attention.output.LayerNorm";
  const char* intermediate = "intermediate.dense";
  const char* output = "output.dense";
  const char* output_norm = "output.LayerNorm";

  // What the names of a layer start with; `weights`: its number among those that have weights.
  std::string Layer(const EncoderConfig& config, size_t weights) const {
    if (group_layer == nullptr) return layer + std::to_string(weights) + ".";
    const auto inner = static_cast<size_t>(config.inner_group_num);
    return layer + std::to_string(weights / inner) + "." + group_layer +
           std::to_string(weights % inner) + ".";
  }
};

// The head of NAMEForSequenceClassification, over the hidden state of the first token: dense
// [C] -> [C], an activation, then out [C] -> [labels]. Whole names.
struct ClassifierNames {
  const char* dense = "bert.pooler.dense";
  DenseActivation activation = DenseActivation::kTanh;
  const char* out = "classifier";
};

// The head of NAMEForTokenClassification and of NAMEForQuestionAnswering, over each token's hidden
// state: [C] -> [labels], and [C] -> [2], the scores of an answer's first and last token. Whole
// names, the same in all families so far.
struct TokenHeadNames {
  const char* classifier = "classifier";
  const char* answer = "qa_outputs";
};

// The head of NAMEForMaskedLM, over the hidden state of a masked token: dense [C] -> [E], an
// activation, LayerNorm, and a product with the word table, whose width E is. Whole names.
struct MaskNames {
  const char* dense = "cls.predictions.transform.dense";
  const char* norm = "cls.predictions.transform.LayerNorm";
  // DECODER.weight [V, E] where config.json says that it is not the word table.
  const char* decoder = "cls.predictions.decoder";
  const char* bias = "cls.predictions.bias";            // [V]; or DECODER.bias
  std::optional<Activation> activation = std::nullopt;  // nullopt: that of config.json
};

struct EncoderFamily {
  std::string_view model_type;  // of config.json
  PositionIds position_ids = PositionIds::kFromZero;
  int pad_token_id = 0;                          // where config.json says nothing
  Activation activation = Activation::kGeluErf;  // likewise
  EmbeddingProjection embedding_projection = EmbeddingProjection::kNever;
  ConfigNames config = {};
  TensorNames tensors = {};
  ClassifierNames classifier = {};
  TokenHeadNames token_heads = {};
  MaskNames masks = {};
};

}  // namespace minnow
