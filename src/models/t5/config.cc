// SPDX-License-Identifier: Apache-2.0
// Reads config.json field by field, each with its limits.
#include "models/t5/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "formats/json.h"
#include "models/registry.h"

namespace minnow {
namespace {

// Far above the largest in use (11 billion weights: 128 heads of 128, d_ff 65536). Their products
// stay below 2^42, so that no sum of sizes overflows 64 bits.
constexpr int64_t kMaxVocabulary = 1 << 22;
constexpr int64_t kMaxModel = 1 << 14;
constexpr int64_t kMaxHeadSize = 1 << 10;
constexpr int64_t kMaxHeads = 1 << 10;
constexpr int64_t kMaxInner = 1 << 16;
constexpr int64_t kMaxFeedForward = 1 << 17;
constexpr int64_t kMaxLayers = 1 << 8;
constexpr int64_t kMaxBuckets = 256;
constexpr int64_t kMaxDistance = 1 << 20;

// What the classes say where a file says nothing.
struct Defaults {
  std::string_view model_type;
  int64_t vocab_size;
  int64_t d_ff;
  int64_t layers;
  int64_t heads;
  std::string_view feed_forward;
  bool tied;
};
constexpr std::array kDefaults = {
    Defaults{"t5", 32128, 2048, 6, 8, "relu", true},
    Defaults{"mt5", 250112, 1024, 8, 6, "gated-gelu", false},
    Defaults{"umt5", 250112, 1024, 8, 6, "gated-gelu", true},
};

const Defaults* DefaultsOf(std::string_view model_type) {
  for (const Defaults& row : kDefaults) {
    if (row.model_type == model_type) return &row;
  }
  return nullptr;
}

// A field that has a second name in other families' files, which these classes take as well.
struct SizeField {
  const char* name;
  const char* alias;
  int64_t max;
  int64_t fallback;
};

Status ReadSize(const JsonView& root, const SizeField& field, int& out) {
  const auto found = root.Find(field.name);
  const bool absent = !found || found->is_null();
  const char* name = absent && field.alias != nullptr ? field.alias : field.name;
  MINNOW_ASSIGN_OR_RETURN(const int64_t value, root.GetInt(name, 1, field.max, field.fallback));
  out = static_cast<int>(value);
  return {};
}

Status ReadSizes(const JsonView& root, const Defaults& defaults, T5Config& config) {
  MINNOW_RETURN_IF_ERROR(ReadSize(
      root, {"vocab_size", nullptr, kMaxVocabulary, defaults.vocab_size}, config.vocab_size));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, {"d_model", "hidden_size", kMaxModel, 512}, config.d_model));
  MINNOW_RETURN_IF_ERROR(ReadSize(root, {"d_kv", "head_dim", kMaxHeadSize, 64}, config.d_kv));
  MINNOW_RETURN_IF_ERROR(
      ReadSize(root, {"d_ff", nullptr, kMaxFeedForward, defaults.d_ff}, config.d_ff));
  MINNOW_RETURN_IF_ERROR(ReadSize(
      root, {"num_heads", "num_attention_heads", kMaxHeads, defaults.heads}, config.num_heads));
  MINNOW_RETURN_IF_ERROR(ReadSize(
      root, {"num_layers", "num_hidden_layers", kMaxLayers, defaults.layers}, config.num_layers));
  MINNOW_RETURN_IF_ERROR(ReadSize(root,
                                  {"num_decoder_layers", nullptr, kMaxLayers, config.num_layers},
                                  config.num_decoder_layers));
  if (static_cast<int64_t>(config.inner()) > kMaxInner) {
    return root.Wrong("num_heads " + std::to_string(config.num_heads) + " times d_kv " +
                      std::to_string(config.d_kv) + " is more than " + std::to_string(kMaxInner));
  }
  return {};
}

// Distances below half of a side's buckets have one each, so the last must lie beyond them.
Status ReadBuckets(const JsonView& root, T5Config& config) {
  constexpr const char* kCount = "relative_attention_num_buckets";
  constexpr const char* kDistance = "relative_attention_max_distance";
  MINNOW_ASSIGN_OR_RETURN(const int64_t count,
                          root.GetInt(kCount, kMinDistanceBuckets, kMaxBuckets, 32));
  MINNOW_ASSIGN_OR_RETURN(const int64_t distance, root.GetInt(kDistance, 1, kMaxDistance, 128));
  if (distance <= count / 2) {
    return root.Wrong(std::string(kDistance) + " " + std::to_string(distance) +
                      " is not above half of " + kCount + " " + std::to_string(count));
  }
  config.encoder_buckets = {static_cast<int>(count), static_cast<int>(distance), true};
  config.decoder_buckets = {static_cast<int>(count), static_cast<int>(distance), false};
  return {};
}

struct ActivationRow {
  std::string_view name;
  EncoderActivation activation;
};
constexpr std::array kActivations = {
    ActivationRow{"relu", EncoderActivation::kRelu},
    ActivationRow{"gelu", EncoderActivation::kGeluErf},
    ActivationRow{"gelu_new", EncoderActivation::kGeluTanh},
    ActivationRow{"gelu_pytorch_tanh", EncoderActivation::kGeluTanh}};

// "relu", "gated-gelu", ...: "gated-gelu" alone is the tanh form of a name that else is the erf.
Status ReadFeedForward(const JsonView& root, const Defaults& defaults, T5Config& config) {
  constexpr const char* kField = "feed_forward_proj";
  constexpr std::string_view kGated = "gated-";
  MINNOW_ASSIGN_OR_RETURN(const std::string_view whole,
                          root.GetString(kField, defaults.feed_forward));
  config.gated = whole.starts_with(kGated);
  std::string_view name = config.gated ? whole.substr(kGated.size()) : whole;
  if (whole == "gated-gelu") name = "gelu_new";
  std::string known;
  for (const ActivationRow& row : kActivations) {
    if (row.name == name) {
      config.activation = row.activation;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return root.Find(kField)->Wrong(
      Code::kUnsupported,
      QuoteForMessage(whole) + " is not supported (known: " + known + ", each also after gated-)");
}

// A field of its own, which transformers 5 writes beside a tie_word_embeddings that is always true,
// else whether the embeddings are tied. mT5 has no scale there: its files say "tied" now and
// did not before, for the same weights.
Status ReadOutput(const JsonView& root, const Defaults& defaults, T5Config& config) {
  MINNOW_ASSIGN_OR_RETURN(config.tie_word_embeddings,
                          root.GetBool("tie_word_embeddings", defaults.tied));
  const bool implied = config.model_type != "mt5" && config.tie_word_embeddings;
  MINNOW_ASSIGN_OR_RETURN(config.scale_decoder_outputs,
                          root.GetBool("scale_decoder_outputs", implied));
  return {};
}

Status ReadNumbers(const JsonView& root, T5Config& config) {
  constexpr const char* kEpsilon = "layer_norm_epsilon";
  MINNOW_ASSIGN_OR_RETURN(const double epsilon, root.GetNumber(kEpsilon, 1e-6));
  config.layer_norm_epsilon = static_cast<float>(epsilon);
  if (!(config.layer_norm_epsilon > 0.0f && epsilon <= 1.0))
    return root.Find(kEpsilon)->Expected("a number above 0, at most 1");
  MINNOW_ASSIGN_OR_RETURN(const int64_t pad,
                          root.GetInt("pad_token_id", 0, config.vocab_size - 1, 0));
  config.pad_token_id = static_cast<int>(pad);
  constexpr const char* kStart = "decoder_start_token_id";
  if (const auto field = root.Find(kStart); field && !field->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t start, root.GetInt(kStart, 0, config.vocab_size - 1));
    config.decoder_start_token_id = static_cast<int>(start);
  }
  return {};
}

JsonLimits ConfigLimits() {
  JsonLimits limits;
  limits.max_bytes = kMaxConfigBytes;
  return limits;
}

std::string Architecture(const JsonView& root) {
  const auto field = root.Find("architectures");
  if (!field || !field->is_array() || field->size() == 0) return "";
  const auto name = field->at(0).String();
  return name.ok() ? std::string(*name) : "";
}

}  // namespace

bool IsT5(std::string_view model_type) { return DefaultsOf(model_type) != nullptr; }

// The first class of such models was T5WithLMHeadModel.
bool IsT5TextToText(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "", ConfigLimits());
  if (!document.ok()) return false;
  const auto model_type = document->root().GetString("model_type");
  if (!model_type.ok() || !IsT5(*model_type)) return false;
  const std::string name = Architecture(document->root());
  return name.empty() || name.ends_with("ForConditionalGeneration") || name == "T5WithLMHeadModel";
}

Result<T5Config> ParseT5Config(const std::string& json, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(json, name, ConfigLimits()));
  const JsonView root = document.root();
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, root.Get("model_type"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view model_type, field.String());
  const Defaults* defaults = DefaultsOf(model_type);
  if (defaults == nullptr) {
    return field.Wrong(Code::kUnsupported,
                       QuoteForMessage(model_type) + " is not of T5's family (t5, mt5, umt5)");
  }
  if (const auto quantised = root.Find("quantization_config"); quantised && !quantised->is_null())
    return quantised->Wrong(Code::kUnsupported, "quantised checkpoints are not supported");
  T5Config config;
  config.model_type = model_type;
  config.architecture = Architecture(root);
  config.bias_in_every_block = model_type == "umt5";
  MINNOW_RETURN_IF_ERROR(ReadSizes(root, *defaults, config));
  MINNOW_RETURN_IF_ERROR(ReadBuckets(root, config));
  MINNOW_RETURN_IF_ERROR(ReadFeedForward(root, *defaults, config));
  MINNOW_RETURN_IF_ERROR(ReadOutput(root, *defaults, config));
  MINNOW_RETURN_IF_ERROR(ReadNumbers(root, config));
  return config;
}

}  // namespace minnow
