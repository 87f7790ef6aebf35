// SPDX-License-Identifier: Apache-2.0
// The JSON of a layout in a packed file: what is left of it once the tensors have names of their
// own.
#include <algorithm>
#include <array>
#include <utility>

#include "formats/json.h"
#include "models/heads/sentence_transformers.h"

namespace minnow {
namespace {

constexpr int64_t kMaxFeatures = 1 << 20;
constexpr int64_t kMaxSequence = 1 << 20;
constexpr size_t kMaxDense = 64;

constexpr std::array kPoolings = {Pooling::kCls,         Pooling::kMean,      Pooling::kMax,
                                  Pooling::kMeanSqrtLen, Pooling::kLastToken, Pooling::kNone};
constexpr std::array kDenseActivations = {DenseActivation::kIdentity, DenseActivation::kTanh,
                                          DenseActivation::kRelu, DenseActivation::kGelu,
                                          DenseActivation::kSigmoid};

// The value that `name_of` gives `field` as its name.
template <class Values, class NameOf>
Result<typename Values::value_type> FindByName(const JsonView& field, const Values& values,
                                               NameOf name_of) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, field.String());
  for (const auto value : values) {
    if (name == name_of(value)) return value;
  }
  return field.Wrong(Code::kUnsupported, QuoteForMessage(name) + " is not supported");
}

Result<DenseSpec> ReadDense(const JsonView& json) {
  DenseSpec dense;
  MINNOW_ASSIGN_OR_RETURN(const int64_t in, json.GetInt("in_features", 1, kMaxFeatures));
  MINNOW_ASSIGN_OR_RETURN(const int64_t out, json.GetInt("out_features", 1, kMaxFeatures));
  dense.in_features = static_cast<int>(in);
  dense.out_features = static_cast<int>(out);
  MINNOW_ASSIGN_OR_RETURN(dense.bias, json.GetBool("bias"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView activation, json.Get("activation"));
  MINNOW_ASSIGN_OR_RETURN(dense.activation,
                          FindByName(activation, kDenseActivations, DenseActivationName));
  return dense;
}

void WritePrompts(const PromptSet& prompts, JsonWriter& json) {
  if (prompts == PromptSet()) return;
  json.Key("prompts");
  json.BeginObject();
  for (const auto& [name, text] : prompts.named) {
    json.Key(name);
    json.String(text);
  }
  json.EndObject();
  json.Key("default_prompt_name");
  json.String(prompts.default_name);
  json.Key("include_prompt");
  json.Bool(prompts.pooled);
}

Status ReadPrompts(const JsonView& root, PromptSet& prompts) {
  MINNOW_ASSIGN_OR_RETURN(prompts.pooled, root.GetBool("include_prompt", true));
  MINNOW_ASSIGN_OR_RETURN(prompts.default_name, root.GetString("default_prompt_name", ""));
  const auto named = root.Find("prompts");
  for (size_t i = 0; named && i < named->size(); ++i) {
    MINNOW_RETURN_IF_ERROR(named->Object());
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, named->at(i).String());
    prompts.named.emplace_back(named->key(i), text);
  }
  if (!prompts.default_name.empty() && prompts.Find(prompts.default_name) == nullptr) {
    return root.Wrong(QuoteForMessage(prompts.default_name) + " is not in prompts");
  }
  return {};
}

}  // namespace

std::string HeadJson(const SentenceTransformersLayout& layout) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("max_seq_length");
  layout.max_seq_length ? json.Int(*layout.max_seq_length) : json.Null();
  WritePrompts(layout.prompts, json);
  json.Key("pooling");
  json.BeginArray();
  for (const Pooling pooling : layout.pooling) json.String(PoolingName(pooling));
  json.EndArray();
  json.Key("dense");
  json.BeginArray();
  for (const DenseSpec& dense : layout.dense) {
    json.BeginObject();
    json.Key("in_features");
    json.Int(dense.in_features);
    json.Key("out_features");
    json.Int(dense.out_features);
    json.Key("bias");
    json.Bool(dense.bias);
    json.Key("activation");
    json.String(DenseActivationName(dense.activation));
    json.EndObject();
  }
  json.EndArray();
  json.Key("normalize");
  json.Bool(layout.normalize);
  json.EndObject();
  return text;
}

Result<SentenceTransformersLayout> ParseHeadJson(const std::string& text, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, name));
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(root.Object());
  SentenceTransformersLayout layout;
  MINNOW_ASSIGN_OR_RETURN(const int64_t length,
                          root.GetInt("max_seq_length", 1, kMaxSequence, /*fallback=*/0));
  if (length > 0) layout.max_seq_length = static_cast<int>(length);
  layout.max_seq_length_source = "the packed file";
  MINNOW_RETURN_IF_ERROR(ReadPrompts(root, layout.prompts));
  MINNOW_ASSIGN_OR_RETURN(const JsonView poolings, root.Get("pooling"));
  MINNOW_RETURN_IF_ERROR(poolings.Array());
  if (poolings.size() < 1 || poolings.size() > kPoolings.size())
    return poolings.Expected("1 to " + std::to_string(kPoolings.size()) + " poolings");
  for (const JsonView item : poolings.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const Pooling pooling, FindByName(item, kPoolings, PoolingName));
    layout.pooling.push_back(pooling);
  }
  const auto none = std::find(layout.pooling.begin(), layout.pooling.end(), Pooling::kNone);
  if (none != layout.pooling.end() && !layout.per_token())
    return poolings.Expected("\"none\" alone, or other poolings");
  MINNOW_ASSIGN_OR_RETURN(const JsonView dense, root.Get("dense"));
  MINNOW_RETURN_IF_ERROR(dense.Array());
  if (dense.size() > kMaxDense)
    return dense.Expected("at most " + std::to_string(kMaxDense) + " modules");
  for (const JsonView item : dense.Items()) {
    MINNOW_ASSIGN_OR_RETURN(DenseSpec spec, ReadDense(item));
    layout.dense.push_back(std::move(spec));
  }
  MINNOW_ASSIGN_OR_RETURN(layout.normalize, root.GetBool("normalize"));
  return layout;
}

}  // namespace minnow
