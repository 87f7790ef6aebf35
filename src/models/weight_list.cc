// SPDX-License-Identifier: Apache-2.0
// Names after transformers' BertModel, without the prefix of a model with a head.
#include "models/weight_list.h"

#include <array>

namespace minnow {

TableType StoredTableType(TableKind kind, TableType embedding) {
  if (kind == TableKind::kTokenType) return TableType::kF32;
  if (kind == TableKind::kPosition && embedding == TableType::kInt4) return TableType::kInt8;
  return embedding;
}

const char* TableTypeName(TableType type) {
  switch (type) {
    case TableType::kF32:
      return "fp32";
    case TableType::kF16:
      return "fp16";
    case TableType::kBF16:
      return "bf16";
    case TableType::kInt8:
      return "int8";
    case TableType::kInt4:
      return "int4";
  }
  return "fp32";
}

Result<TableType> ParseEmbeddingDtype(const std::string& name) {
  for (const TableType type :
       {TableType::kF32, TableType::kBF16, TableType::kInt8, TableType::kInt4}) {
    if (name == TableTypeName(type)) return type;
  }
  return Error{Code::kInvalidArgument,
               "embedding dtype \"" + name + "\" is not one of fp32, bf16, int8, int4"};
}

Status VisitWeights(const EncoderConfig& config, EncoderWeights& weights, WeightVisitor& visitor) {
  const size_t c = config.hidden_size, f = config.intermediate_size;
  MINNOW_RETURN_IF_ERROR(visitor.Table("embeddings.word_embeddings", TableKind::kWord,
                                       config.vocab_size, weights.word_embeddings));
  MINNOW_RETURN_IF_ERROR(visitor.Table("embeddings.position_embeddings", TableKind::kPosition,
                                       config.max_position_embeddings,
                                       weights.position_embeddings));
  if (config.type_vocab_size > 0) {
    MINNOW_RETURN_IF_ERROR(visitor.Table("embeddings.token_type_embeddings", TableKind::kTokenType,
                                         config.type_vocab_size, weights.token_type_embeddings));
  }
  MINNOW_RETURN_IF_ERROR(visitor.Norm("embeddings.LayerNorm", weights.embeddings_norm));
  weights.layers.resize(config.num_hidden_layers);
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    EncoderLayerWeights& layer = weights.layers[i];
    const std::string prefix = "encoder.layer." + std::to_string(i) + ".";
    const std::array<std::string, 3> qkv = {prefix + "attention.self.query",
                                            prefix + "attention.self.key",
                                            prefix + "attention.self.value"};
    MINNOW_RETURN_IF_ERROR(visitor.Product(prefix + "attention.self.query_key_value", qkv, c, 3 * c,
                                           layer.query_key_value));
    const auto product = [&](const std::string& name, size_t in, size_t out, Linear& linear) {
      const std::string full_name = prefix + name;
      return visitor.Product(full_name, {&full_name, 1}, in, out, linear);
    };
    MINNOW_RETURN_IF_ERROR(product("attention.output.dense", c, c, layer.attention_output));
    MINNOW_RETURN_IF_ERROR(
        visitor.Norm(prefix + "attention.output.LayerNorm", layer.attention_norm));
    MINNOW_RETURN_IF_ERROR(product("intermediate.dense", c, f, layer.intermediate));
    MINNOW_RETURN_IF_ERROR(product("output.dense", f, c, layer.output));
    MINNOW_RETURN_IF_ERROR(visitor.Norm(prefix + "output.LayerNorm", layer.output_norm));
  }
  return {};
}

}  // namespace minnow
