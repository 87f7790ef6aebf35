// SPDX-License-Identifier: Apache-2.0
// Reads config.json field by field, each with its limits.
#include "formats/encoder_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/mapped_file.h"
#include "formats/json.h"

namespace minnow {
namespace {

// Far above any encoder in use. Their products stay below 2^42, so that no sum of sizes overflows
// 64 bits.
constexpr size_t kMaxConfigBytes = size_t{16} << 20;
constexpr int64_t kMaxVocabulary = 1 << 22;
constexpr int64_t kMaxHidden = 1 << 14;
constexpr int64_t kMaxLayers = 1 << 8;
constexpr int64_t kMaxHeads = 1 << 10;
constexpr int64_t kMaxIntermediate = 1 << 16;
constexpr int64_t kMaxPositions = 1 << 20;
constexpr int64_t kMaxTypes = 1 << 8;
constexpr size_t kMaxLabels = 1 << 20;

struct ModelTypeRow {
  std::string_view name;
  PositionIds position_ids;
  int default_pad_token_id;
};

constexpr std::array<ModelTypeRow, 4> kModelTypes = {{
    {"bert", PositionIds::kFromZero, 0},
    {"roberta", PositionIds::kAfterPaddingIdx, 1},
    {"xlm-roberta", PositionIds::kAfterPaddingIdx, 1},
    {"camembert", PositionIds::kAfterPaddingIdx, 1},
}};

struct ActivationRow {
  std::string_view name;
  Activation activation;
};

constexpr std::array<ActivationRow, 5> kActivations = {{
    {"gelu", Activation::kGeluErf},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"relu", Activation::kRelu},
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

Status ReadSizes(const JsonView& root, EncoderConfig& config) {
  MINNOW_RETURN_IF_ERROR(ReadSize(root, "vocab_size", 1, kMaxVocabulary, config.vocab_size));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, "hidden_size", 1, kMaxHidden, config.hidden_size));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, "num_hidden_layers", 1, kMaxLayers, config.num_hidden_layers));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, "num_attention_heads", 1, kMaxHeads, config.num_attention_heads));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, "intermediate_size", 1, kMaxIntermediate, config.intermediate_size));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, "max_position_embeddings", 1, kMaxPositions, config.max_position_embeddings));
  MINNOW_ASSIGN_OR_RETURN(const int64_t types,
                          root.GetInt("type_vocab_size", 0, kMaxTypes, /*fallback=*/2));
  config.type_vocab_size = static_cast<int>(types);
  if (config.hidden_size % config.num_attention_heads != 0) {
    return root.Wrong("hidden_size " + std::to_string(config.hidden_size) +
                      " is not a multiple of num_attention_heads " +
                      std::to_string(config.num_attention_heads));
  }
  return {};
}

Status ReadModelType(const JsonView& root, EncoderConfig& config) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, root.Get("model_type"));
  MINNOW_ASSIGN_OR_RETURN(const ModelTypeRow* row, FindRow(field, kModelTypes));
  config.model_type = row->name;
  config.position_ids = row->position_ids;
  config.pad_token_id = row->default_pad_token_id;
  if (const auto list = root.Find("architectures"); list && !list->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(const JsonView names, list->Array());
    if (names.size() > 0) {
      MINNOW_ASSIGN_OR_RETURN(const std::string_view name, names.at(0).String());
      config.architecture = name;
    }
  }
  return {};
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

Status ReadNumbers(const JsonView& root, EncoderConfig& config) {
  if (const auto field = root.Find("hidden_act"); field && !field->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(const ActivationRow* row, FindRow(*field, kActivations));
    config.hidden_act = row->activation;
  }
  MINNOW_ASSIGN_OR_RETURN(const double epsilon,
                          root.GetNumber("layer_norm_eps", /*fallback=*/1e-12));
  config.layer_norm_eps = static_cast<float>(epsilon);
  if (!(config.layer_norm_eps > 0.0f && epsilon <= 1.0)) {
    return root.Find("layer_norm_eps")->Expected("a number above 0, at most 1");
  }
  MINNOW_ASSIGN_OR_RETURN(const int64_t pad, root.GetInt("pad_token_id", 0, config.vocab_size - 1,
                                                         config.pad_token_id));
  config.pad_token_id = static_cast<int>(pad);
  if (config.max_sequence_tokens() < 1) {
    return root.Wrong("max_position_embeddings " + std::to_string(config.max_position_embeddings) +
                      " leaves no position after pad_token_id " + std::to_string(pad));
  }
  return {};
}

// {"0": "ar", "1": "bg"}: every id from 0 once.
Status ReadLabels(const JsonView& root, EncoderConfig& config) {
  const auto field = root.Find("id2label");
  if (!field || field->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const JsonView map, field->Object());
  if (map.size() > kMaxLabels)
    return map.Wrong(std::to_string(map.size()) + " labels, limit " + std::to_string(kMaxLabels));
  std::vector<std::string> labels(map.size());
  std::vector<bool> seen(map.size());
  for (size_t i = 0; i < map.size(); ++i) {
    const std::string_view key = map.key(i);
    size_t id = 0;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool number = parsed.ec == std::errc() && parsed.ptr == key.data() + key.size();
    if (!number || id >= labels.size() || seen[id]) {
      return map.Wrong("expected the ids 0 to " + std::to_string(labels.size() - 1) +
                       " once each, got " + QuoteForMessage(key));
    }
    seen[id] = true;
    MINNOW_ASSIGN_OR_RETURN(const std::string_view label, map.at(i).String());
    labels[id] = label;
  }
  config.labels = std::move(labels);
  return {};
}

}  // namespace

const char* ActivationName(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
    case Activation::kRelu:
      return "relu";
  }
  return "gelu";
}

Result<EncoderConfig> ParseEncoderConfig(const std::string& json, const std::string& name) {
  JsonLimits limits;
  limits.max_bytes = kMaxConfigBytes;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, name, limits));
  const JsonView root = document.root();
  EncoderConfig config;
  MINNOW_RETURN_IF_ERROR(ReadModelType(root, config));
  MINNOW_RETURN_IF_ERROR(RefuseVariations(root));
  MINNOW_RETURN_IF_ERROR(ReadSizes(root, config));
  MINNOW_RETURN_IF_ERROR(ReadNumbers(root, config));
  MINNOW_RETURN_IF_ERROR(ReadLabels(root, config));
  return config;
}

std::string EncoderConfigJson(const EncoderConfig& config) {
  const auto act = std::find_if(kActivations.begin(), kActivations.end(), [&](const auto& row) {
    return row.activation == config.hidden_act;
  });
  CHECK(act != kActivations.end());
  const std::pair<const char*, int> sizes[] = {
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"num_hidden_layers", config.num_hidden_layers},
      {"num_attention_heads", config.num_attention_heads},
      {"intermediate_size", config.intermediate_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {"type_vocab_size", config.type_vocab_size},
      {"pad_token_id", config.pad_token_id}};
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("model_type");
  json.String(config.model_type);
  if (!config.architecture.empty()) {
    json.Key("architectures");
    json.BeginArray();
    json.String(config.architecture);
    json.EndArray();
  }
  for (const auto& [name, size] : sizes) {
    json.Key(name);
    json.Int(size);
  }
  json.Key("hidden_act");
  json.String(act->name);
  json.Key("layer_norm_eps");
  json.Float(config.layer_norm_eps);
  if (!config.labels.empty()) {
    json.Key("id2label");
    json.BeginObject();
    for (size_t i = 0; i < config.labels.size(); ++i) {
      json.Key(std::to_string(i));
      json.String(config.labels[i]);
    }
    json.EndObject();
  }
  json.EndObject();
  return text;
}

Result<EncoderConfig> ReadEncoderConfig(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const std::string json, ReadSmallFile(path, kMaxConfigBytes));
  return ParseEncoderConfig(json, path);
}

}  // namespace minnow
