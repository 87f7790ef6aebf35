// SPDX-License-Identifier: Apache-2.0
// The one list of an encoder's weights: names, sizes, places.
#include <array>

#include "models/bert/encoder.h"
#include "models/bert/family.h"

namespace minnow {
namespace {

// Calls the visitor with the names of a packed file beside those of a checkpoint.
class Lister {
 public:
  Lister(const EncoderConfig& config, const TensorNames& stored, WeightVisitor& visitor)
      : config_(config),
        e_(config.embedding_width()),
        c_(config.hidden_size),
        f_(config.intermediate_size),
        stored_(stored),
        visitor_(visitor) {}

  Status Table(const char* TensorNames::*name, TableKind kind, size_t rows, EmbeddingTable& table) {
    return visitor_.Table({own_.*name, stored_.*name}, kind, rows, e_, table);
  }
  Status EmbeddingsNorm(LayerNormWeights& norm) {
    return visitor_.Norm({own_.embeddings_norm, stored_.embeddings_norm}, e_, norm);
  }
  Status EmbeddingProjection(Linear& linear) {
    const std::string stored = stored_.embedding_projection;
    return visitor_.Product({own_.embedding_projection, {&stored, 1}, e_, c_}, linear);
  }
  Status PositionBias(EmbeddingTable& table) {
    return visitor_.Table({own_.position_bias, stored_.position_bias}, TableKind::kPositionBias,
                          config_.position_bias.count, config_.num_attention_heads, table);
  }

  Status Layer(size_t i, EncoderLayerWeights& layer) {
    const std::string own = own_.Layer(config_, i);
    const std::string stored = stored_.Layer(config_, i);
    const auto norm = [&](const char* TensorNames::*name, LayerNormWeights& weights) {
      return visitor_.Norm({own + own_.*name, stored + stored_.*name}, c_, weights);
    };
    const auto product = [&](const char* TensorNames::*name, size_t in, size_t out,
                             Linear& linear) {
      const std::string part = stored + stored_.*name;
      return visitor_.Product({own + own_.*name, {&part, 1}, in, out}, linear);
    };
    const std::array<std::string, 3> qkv = {stored + stored_.query, stored + stored_.key,
                                            stored + stored_.value};
    MINNOW_RETURN_IF_ERROR(visitor_.Product(
        {own + "attention.self.query_key_value", qkv, c_, 3 * c_}, layer.query_key_value));
    MINNOW_RETURN_IF_ERROR(product(&TensorNames::attention_output, c_, c_, layer.attention_output));
    MINNOW_RETURN_IF_ERROR(norm(&TensorNames::attention_norm, layer.attention_norm));
    MINNOW_RETURN_IF_ERROR(product(&TensorNames::intermediate, c_, f_, layer.intermediate));
    MINNOW_RETURN_IF_ERROR(product(&TensorNames::output, f_, c_, layer.output));
    return norm(&TensorNames::output_norm, layer.output_norm);
  }

 private:
  const EncoderConfig& config_;
  const size_t e_;
  const size_t c_;
  const size_t f_;
  const TensorNames own_;
  const TensorNames& stored_;
  WeightVisitor& visitor_;
};

}  // namespace

void FinishWeights(const EncoderConfig& config, const Kernels& kernels, EncoderWeights& weights) {
  if (config.position_bias.count == 0) return;
  weights.position_bias = PositionBias(kernels, config.position_bias, weights.position_bias_table,
                                       config.max_sequence_tokens());
}

Status VisitWeights(const EncoderConfig& config, const TensorNames& stored, EncoderWeights& weights,
                    WeightVisitor& visitor) {
  Lister list(config, stored, visitor);
  MINNOW_RETURN_IF_ERROR(list.Table(&TensorNames::word_embeddings, TableKind::kWord,
                                    config.vocab_size, weights.word_embeddings));
  MINNOW_RETURN_IF_ERROR(list.Table(&TensorNames::position_embeddings, TableKind::kPosition,
                                    config.max_position_embeddings, weights.position_embeddings));
  if (config.type_vocab_size > 0) {
    MINNOW_RETURN_IF_ERROR(list.Table(&TensorNames::token_type_embeddings, TableKind::kTokenType,
                                      config.type_vocab_size, weights.token_type_embeddings));
  }
  MINNOW_RETURN_IF_ERROR(list.EmbeddingsNorm(weights.embeddings_norm));
  if (config.embedding_size > 0)
    MINNOW_RETURN_IF_ERROR(list.EmbeddingProjection(weights.embedding_projection));
  if (config.position_bias.count > 0)
    MINNOW_RETURN_IF_ERROR(list.PositionBias(weights.position_bias_table));
  weights.layers.resize(config.layer_weights());
  for (size_t i = 0; i < weights.layers.size(); ++i)
    MINNOW_RETURN_IF_ERROR(list.Layer(i, weights.layers[i]));
  return {};
}

}  // namespace minnow
