// SPDX-License-Identifier: Apache-2.0
// Reads config.json field by field, each with its limits.
#include "models/bert/config.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "models/bert/family.h"

namespace minnow {
namespace {

// Far above any encoder in use. Their products stay below 2^42, so that no sum of sizes overflows
// 64 bits.
constexpr int64_t kMaxVocabulary = 1 << 22;
constexpr int64_t kMaxHidden = 1 << 14;
constexpr int64_t kMaxLayers = 1 << 8;
constexpr int64_t kMaxHeads = 1 << 10;
constexpr int64_t kMaxIntermediate = 1 << 16;
constexpr int64_t kMaxPositions = 1 << 20;
constexpr int64_t kMaxTypes = 1 << 8;
constexpr int64_t kMaxDistanceBuckets = 256;  // those of near distances are fewer than 128
constexpr int64_t kMaxBiases = 1 << 22;

struct ActivationRow {
  std::string_view name;
  EncoderActivation activation;
};

constexpr std::array<ActivationRow, 5> kActivations = {{
    {"gelu", EncoderActivation::kGeluErf},
    {"gelu_new", EncoderActivation::kGeluTanh},
    {"gelu_pytorch_tanh", EncoderActivation::kGeluTanh},
    {"gelu_fast", EncoderActivation::kGeluTanh},
    {"relu", EncoderActivation::kRelu},
}};

// Fails with kUnsupported and the list of what is known. `field` must be a string.
template <class Rows>
Result<const typename Rows::value_type*> FindRow(const JsonView& field, const Rows& rows) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, field.String());
  std::string known;
  for (const auto& row : rows) {
    if (row.name == name) return &row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return field.Wrong(Code::kUnsupported,
                     QuoteForMessage(name) + " is not supported (known: " + known + ")");
}

Status ReadSize(const JsonView& root, std::string_view name, int64_t min, int64_t max, int& out) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t value, root.GetInt(name, min, max));
  out = static_cast<int>(value);
  return {};
}

Status ReadSizes(const JsonView& root, const ConfigNames& names, EncoderConfig& config) {
  MINNOW_RETURN_IF_ERROR(ReadSize(root, names.vocab_size, 1, kMaxVocabulary, config.vocab_size));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, names.hidden_size, 1, kMaxHidden, config.hidden_size));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, names.layers, 1, kMaxLayers, config.num_hidden_layers));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, names.heads, 1, kMaxHeads, config.num_attention_heads));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, names.intermediate_size, 1, kMaxIntermediate, config.intermediate_size));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, names.positions, 1, kMaxPositions, config.max_position_embeddings));
  if (names.token_types != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t types,
                            root.GetInt(names.token_types, 0, kMaxTypes, /*fallback=*/2));
    config.type_vocab_size = static_cast<int>(types);
  }
  if (config.hidden_size % config.num_attention_heads != 0) {
    return root.Wrong(std::string(names.hidden_size) + " " + std::to_string(config.hidden_size) +
                      " is not a multiple of " + names.heads + " " +
                      std::to_string(config.num_attention_heads));
  }
  return {};
}

Status ReadEmbeddingSize(const JsonView& root, const EncoderFamily& family, EncoderConfig& config) {
  constexpr const char* kField = "embedding_size";
  const bool may_differ = family.embedding_projection != EmbeddingProjection::kNever;
  // What the classes of those that may differ say where the file says nothing.
  const int64_t fallback = may_differ ? 128 : config.hidden_size;
  MINNOW_ASSIGN_OR_RETURN(const int64_t width, root.GetInt(kField, 1, kMaxHidden, fallback));
  if (width != config.hidden_size && !may_differ) {
    return root.Find(kField)->Wrong(
        Code::kUnsupported, std::to_string(width) + " beside " + family.config.hidden_size + " " +
                                std::to_string(config.hidden_size) +
                                ": a projection between them is not supported");
  }
  if (width != config.hidden_size || family.embedding_projection == EmbeddingProjection::kAlways)
    config.embedding_size = static_cast<int>(width);
  return {};
}

// Few weights can be applied often: what bounds the time is the number of steps.
Status ReadGroups(const JsonView& root, const ConfigNames& names, EncoderConfig& config) {
  if (names.groups == nullptr) return {};
  for (const auto& [name, value] : {std::pair{names.groups, &config.num_hidden_groups},
                                    std::pair{names.group_layers, &config.inner_group_num}}) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t number, root.GetInt(name, 1, kMaxLayers, /*fallback=*/1));
    *value = static_cast<int>(number);
  }
  if (std::max(config.layer_steps(), config.layer_weights()) > kMaxLayers) {
    return root.Wrong(std::string(names.layers) + " or " + names.groups + " times " +
                      names.group_layers + " is more than " + std::to_string(kMaxLayers));
  }
  return {};
}

// The table by distance has a number for each head and every distance that positions leave.
Status ReadPositionBuckets(const JsonView& root, const ConfigNames& names, EncoderConfig& config) {
  if (names.position_buckets == nullptr) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t buckets,
                          root.GetInt(names.position_buckets, kMinDistanceBuckets,
                                      kMaxDistanceBuckets, /*fallback=*/32));
  config.position_bias.count = static_cast<int>(buckets);
  if (int64_t{config.num_attention_heads} * config.max_position_embeddings > kMaxBiases) {
    return root.Wrong(std::string(names.heads) + " times " + names.positions + " is more than " +
                      std::to_string(kMaxBiases));
  }
  return {};
}

// Only a head needs it: whatever else it is, an encoder runs without.
std::string Architecture(const JsonView& root) {
  const auto field = root.Find("architectures");
  if (!field) return "";
  const bool list = field->is_array() && field->size() > 0;
  const auto name = list ? field->at(0).String() : field->String();
  return name.ok() ? std::string(*name) : "";
}

// Fields that turn a model of a known type into one with another forward pass.
Status RefuseVariations(const JsonView& root) {
  for (const char* name : {"is_decoder", "is_encoder_decoder", "add_cross_attention"}) {
    MINNOW_ASSIGN_OR_RETURN(const bool set, root.GetBool(name, false));
    if (set)
      return root.Find(name)->Wrong(Code::kUnsupported, "true is not supported: only encoders are");
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string_view positions,
                          root.GetString("position_embedding_type", "absolute"));
  if (positions != "absolute") {
    return root.Find("position_embedding_type")
        ->Wrong(Code::kUnsupported,
                QuoteForMessage(positions) + " is not supported (known: absolute)");
  }
  if (const auto field = root.Find("quantization_config"); field && !field->is_null()) {
    return field->Wrong(Code::kUnsupported, "quantised checkpoints are not supported");
  }
  return {};
}

Status ReadNumbers(const JsonView& root, const ConfigNames& names, EncoderConfig& config) {
  if (const auto field = root.Find(names.activation); field && !field->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(const ActivationRow* row, FindRow(*field, kActivations));
    config.hidden_act = row->activation;
  }
  if (names.epsilon != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(const double epsilon,
                            root.GetNumber(names.epsilon, /*fallback=*/1e-12));
    config.layer_norm_eps = static_cast<float>(epsilon);
    if (!(config.layer_norm_eps > 0.0f && epsilon <= 1.0)) {
      return root.Find(names.epsilon)->Expected("a number above 0, at most 1");
    }
  }
  if (names.pad_token_id != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(
        const int64_t pad,
        root.GetInt(names.pad_token_id, 0, config.vocab_size - 1, config.pad_token_id));
    config.pad_token_id = static_cast<int>(pad);
  }
  if (config.max_sequence_tokens() < 1) {
    return root.Wrong("max_position_embeddings " + std::to_string(config.max_position_embeddings) +
                      " leaves no position after pad_token_id " +
                      std::to_string(config.pad_token_id));
  }
  return {};
}

}  // namespace

const char* ActivationName(EncoderActivation activation) {
  switch (activation) {
    case EncoderActivation::kGeluErf:
      return "gelu";
    case EncoderActivation::kGeluTanh:
      return "gelu_tanh";
    case EncoderActivation::kRelu:
      return "relu";
  }
  return "gelu";
}

// As modeling_albert.py finds a layer's group.
int EncoderConfig::WeightsOfStep(int step) const {
  if (num_hidden_groups == 0) return step;
  const double layers_of_group = double{1} * num_hidden_layers / num_hidden_groups;
  const int group = static_cast<int>(step / inner_group_num / layers_of_group);
  return group * inner_group_num + step % inner_group_num;
}

Result<EncoderConfig> ReadFamilyConfig(const JsonView& root, const EncoderFamily& family) {
  EncoderConfig config;
  config.model_type = family.model_type;
  config.architecture = Architecture(root);
  config.position_ids = family.position_ids;
  config.pad_token_id = family.pad_token_id;
  config.hidden_act = family.activation;
  MINNOW_RETURN_IF_ERROR(RefuseVariations(root));
  MINNOW_RETURN_IF_ERROR(ReadSizes(root, family.config, config));
  MINNOW_RETURN_IF_ERROR(ReadEmbeddingSize(root, family, config));
  MINNOW_RETURN_IF_ERROR(ReadGroups(root, family.config, config));
  MINNOW_RETURN_IF_ERROR(ReadPositionBuckets(root, family.config, config));
  MINNOW_RETURN_IF_ERROR(ReadNumbers(root, family.config, config));
  MINNOW_ASSIGN_OR_RETURN(config.tie_word_embeddings, root.GetBool("tie_word_embeddings", true));
  return config;
}

}  // namespace minnow
