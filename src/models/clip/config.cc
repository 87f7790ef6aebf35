// SPDX-License-Identifier: Apache-2.0
#include "models/clip/config.h"

#include <string_view>

#include "formats/json.h"
#include "models/blocks/config_fields.h"

namespace minnow {
namespace {

constexpr int64_t kMaxVocabulary = 1 << 22;
constexpr int64_t kMaxHidden = 1 << 14;
constexpr int64_t kMaxIntermediate = 1 << 17;
constexpr int64_t kMaxLayers = 1 << 8;
constexpr int64_t kMaxPositions = 1 << 12;

Status ReadSize(const JsonView& root, std::string_view field, int64_t max, size_t& out) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t value,
                          root.GetInt(field, 1, max, static_cast<int64_t>(out)));
  out = static_cast<size_t>(value);
  return {};
}

Result<ClipTextConfig> ReadFields(const JsonView& root) {
  ClipTextConfig config;
  MINNOW_RETURN_IF_ERROR(ReadSize(root, "vocab_size", kMaxVocabulary, config.vocab_size));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, "hidden_size", kMaxHidden, config.hidden_size));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, "intermediate_size", kMaxIntermediate, config.intermediate_size));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, "num_hidden_layers", kMaxLayers, config.layers));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, "num_attention_heads", kMaxHidden, config.heads));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, "max_position_embeddings", kMaxPositions, config.positions));
  if (config.hidden_size % config.heads != 0) {
    return root.Wrong("hidden_size " + std::to_string(config.hidden_size) +
                      " is not divisible by num_attention_heads " + std::to_string(config.heads));
  }
  MINNOW_ASSIGN_OR_RETURN(const double epsilon, root.GetNumber("layer_norm_eps", 1e-5));
  config.layer_norm_epsilon = static_cast<float>(epsilon);
  if (!(config.layer_norm_epsilon > 0.0f && epsilon <= 1.0))
    return root.Find("layer_norm_eps")->Expected("a number above 0, at most 1");
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "hidden_act", {"quick_gelu", "gelu"}));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view activation,
                          root.GetString("hidden_act", "quick_gelu"));
  config.activation = activation == "gelu" ? Activation::kGeluErf : Activation::kQuickGelu;
  return config;
}

}  // namespace

Result<ClipTextConfig> ParseClipTextConfig(const std::string& json, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseModelConfig(json, name));
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "model_type", {"clip_text_model", "clip"}));
  const auto text = root.Find("text_config");
  return ReadFields(text && text->is_object() ? *text : root);
}

}  // namespace minnow
