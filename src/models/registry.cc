// SPDX-License-Identifier: Apache-2.0
// One line a family.
#include "models/registry.h"

#include <array>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "models/bert/albert.h"
#include "models/bert/distilbert.h"
#include "models/bert/mpnet.h"

namespace minnow {
namespace {

constexpr ClassifierNames kRobertaClassifier = {.dense = "classifier.dense",
                                                .out = "classifier.out_proj"};
constexpr MaskNames kRobertaMasks = {.dense = "lm_head.dense",
                                     .norm = "lm_head.layer_norm",
                                     .decoder = "lm_head.decoder",
                                     .bias = "lm_head.bias",
                                     .activation = EncoderActivation::kGeluErf};
constexpr EncoderFamily Roberta(std::string_view model_type) {
  return {.model_type = model_type,
          .position_ids = PositionIds::kAfterPaddingIdx,
          .pad_token_id = 1,
          .tensors = {.prefix = "roberta."},
          .classifier = kRobertaClassifier,
          .masks = kRobertaMasks};
}

// The discriminator and the generator, whose embeddings are as wide as their hidden states from the
// base size on.
constexpr EncoderFamily kElectra = {
    .model_type = "electra",
    .embedding_projection = EmbeddingProjection::kIfDifferent,
    .tensors = {.prefix = "electra.", .embedding_projection = "embeddings_project"},
    .classifier = {.dense = "classifier.dense",
                   .activation = DenseActivation::kGelu,
                   .out = "classifier.out_proj"},
    .masks = {.dense = "generator_predictions.dense",
              .norm = "generator_predictions.LayerNorm",
              .decoder = "generator_lm_head",
              .bias = "generator_lm_head.bias",
              .activation = EncoderActivation::kGeluErf}};

constexpr std::array kFamilies = {
    EncoderFamily{.model_type = "bert"},
    Roberta("roberta"),
    Roberta("xlm-roberta"),
    Roberta("camembert"),
    kElectra,
    kDistilBert,
    kMpnet,
    kAlbert,
};

}  // namespace

std::span<const EncoderFamily> EncoderFamilies() { return kFamilies; }

const EncoderFamily& FamilyOf(std::string_view model_type) {
  for (const EncoderFamily& family : kFamilies) {
    if (family.model_type == model_type) return family;
  }
  CHECK(false);
  return kFamilies[0];
}

Result<EncoderConfig> ParseEncoderConfig(const std::string& json, const std::string& name) {
  JsonLimits limits;
  limits.max_bytes = kMaxConfigBytes;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, name, limits));
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, document.root().Get("model_type"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view model_type, field.String());
  std::string known;
  for (const EncoderFamily& family : kFamilies) {
    if (family.model_type == model_type) return ReadFamilyConfig(document.root(), family);
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  return field.Wrong(Code::kUnsupported,
                     QuoteForMessage(model_type) + " is not supported (known: " + known + ")");
}

Result<EncoderConfig> ReadEncoderConfig(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const std::string json, ReadSmallFile(path, kMaxConfigBytes));
  return ParseEncoderConfig(json, path);
}

}  // namespace minnow
