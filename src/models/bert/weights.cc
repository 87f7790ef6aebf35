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
      : c_(config.hidden_size), f_(config.intermediate_size), stored_(stored), visitor_(visitor) {}

  Status Table(const char* TensorNames::*name, TableKind kind, size_t rows, EmbeddingTable& table) {
    return visitor_.Table({own_.*name, stored_.*name}, kind, rows, c_, table);
  }
  Status EmbeddingsNorm(LayerNormWeights& norm) {
    return visitor_.Norm({own_.embeddings_norm, stored_.embeddings_norm}, c_, norm);
  }

  Status Layer(size_t i, EncoderLayerWeights& layer) {
    const std::string own = own_.layer + std::to_string(i) + ".";
    const std::string stored = stored_.layer + std::to_string(i) + ".";
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
  const size_t c_;
  const size_t f_;
  const TensorNames own_;
  const TensorNames& stored_;
  WeightVisitor& visitor_;
};

}  // namespace

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
  weights.layers.resize(config.num_hidden_layers);
  for (size_t i = 0; i < weights.layers.size(); ++i)
    MINNOW_RETURN_IF_ERROR(list.Layer(i, weights.layers[i]));
  return {};
}

}  // namespace minnow
