// SPDX-License-Identifier: Apache-2.0
// The packed file's metadata: a few names, and JSON for what has structure.
#include "formats/packed_header.h"

#include <array>
#include <charconv>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr const char* kModelId = "minnow.model_id";
constexpr const char* kPackedBy = "minnow.packed_by";
constexpr const char* kDtype = "minnow.dtype";
constexpr const char* kEmbeddingDtype = "minnow.embedding_dtype";
constexpr const char* kConfig = "minnow.config";
constexpr const char* kSentence = "minnow.sentence";
constexpr const char* kTokenizer = "minnow.tokenizer";
constexpr const char* kQuality = "minnow.quality";

constexpr int64_t kMaxFeatures = 1 << 16;
constexpr int64_t kMaxSequence = 1 << 20;
constexpr int64_t kMaxTexts = 1 << 20;
constexpr size_t kMaxDense = 64;

constexpr std::array kPoolings = {Pooling::kCls, Pooling::kMean, Pooling::kMax,
                                  Pooling::kMeanSqrtLen, Pooling::kLastToken};
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

std::string SentenceJson(const SentenceTransformersLayout& layout) {
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

Result<SentenceTransformersLayout> ReadSentence(const std::string& text, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, name));
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(root.Object());
  SentenceTransformersLayout layout;
  MINNOW_ASSIGN_OR_RETURN(const int64_t length,
                          root.GetInt("max_seq_length", 1, kMaxSequence, /*fallback=*/0));
  if (length > 0) layout.max_seq_length = static_cast<int>(length);
  layout.max_seq_length_source = kSentence;
  MINNOW_RETURN_IF_ERROR(ReadPrompts(root, layout.prompts));
  MINNOW_ASSIGN_OR_RETURN(const JsonView poolings, root.Get("pooling"));
  MINNOW_RETURN_IF_ERROR(poolings.Array());
  if (poolings.size() < 1 || poolings.size() > kPoolings.size())
    return poolings.Expected("1 to " + std::to_string(kPoolings.size()) + " poolings");
  for (const JsonView item : poolings.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const Pooling pooling, FindByName(item, kPoolings, PoolingName));
    layout.pooling.push_back(pooling);
  }
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

std::string QualityJson(const PackedQuality& quality) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("texts");
  json.Int(quality.texts);
  json.Key("cosine_mean");
  json.Double(quality.cosine_mean);
  json.Key("cosine_min");
  json.Double(quality.cosine_min);
  json.EndObject();
  return text;
}

Result<PackedQuality> ReadQuality(const std::string& text, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, name));
  PackedQuality quality;
  MINNOW_ASSIGN_OR_RETURN(const int64_t texts, document.root().GetInt("texts", 0, kMaxTexts));
  quality.texts = static_cast<int>(texts);
  MINNOW_ASSIGN_OR_RETURN(quality.cosine_mean, document.root().GetNumber("cosine_mean"));
  MINNOW_ASSIGN_OR_RETURN(quality.cosine_min, document.root().GetNumber("cosine_min"));
  return quality;
}

Result<int> ReadVersion(const SafetensorsMetadata& metadata, const std::string& name) {
  const auto version = metadata.find(kPackedVersionKey);
  if (version == metadata.end()) {
    return Error{Code::kUnsupported,
                 name + ": not a packed model (no " + kPackedVersionKey +
                     " in its metadata); give the model's directory, or make a packed file of it "
                     "with 'minnow pack'"};
  }
  for (int known = 1; known <= PackedFile::kVersion; ++known) {
    if (version->second == std::to_string(known)) return known;
  }
  return Error{Code::kUnsupported,
               name + ": " + kPackedVersionKey + ": version " + QuoteForMessage(version->second) +
                   "; this program reads versions up to " + std::to_string(PackedFile::kVersion)};
}

}  // namespace

SafetensorsMetadata PackedMetadata(const PackedHeader& header) {
  SafetensorsMetadata metadata = {{kPackedVersionKey, std::to_string(PackedFile::kVersion)},
                                  {kModelId, header.model_id},
                                  {kPackedBy, header.packed_by},
                                  {kDtype, header.dtype},
                                  {kEmbeddingDtype, header.embedding_dtype},
                                  {kConfig, EncoderConfigJson(header.config)},
                                  {kSentence, SentenceJson(header.layout)},
                                  {kTokenizer, header.tokenizer_json}};
  if (header.quality) metadata.emplace(kQuality, QualityJson(*header.quality));
  return metadata;
}

Result<PackedHeader> ReadPackedMetadata(const SafetensorsMetadata& metadata,
                                        const std::string& name) {
  PackedHeader header;
  MINNOW_ASSIGN_OR_RETURN(header.version, ReadVersion(metadata, name));
  std::string config, sentence;
  const std::pair<const char*, std::string*> fields[] = {
      {kModelId, &header.model_id},
      {kPackedBy, &header.packed_by},
      {kDtype, &header.dtype},
      {kEmbeddingDtype, &header.embedding_dtype},
      {kConfig, &config},
      {kSentence, &sentence},
      {kTokenizer, &header.tokenizer_json},
  };
  for (const auto& [key, value] : fields) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return Error{Code::kCorrupt, name + ": no " + key};
    *value = found->second;
  }
  MINNOW_ASSIGN_OR_RETURN(header.config, ParseEncoderConfig(config, name + ": " + kConfig));
  MINNOW_ASSIGN_OR_RETURN(header.layout, ReadSentence(sentence, name + ": " + kSentence));
  if (const auto quality = metadata.find(kQuality); quality != metadata.end()) {
    MINNOW_ASSIGN_OR_RETURN(header.quality, ReadQuality(quality->second, name + ": " + kQuality));
  }
  return header;
}

}  // namespace minnow
