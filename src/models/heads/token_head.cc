// SPDX-License-Identifier: Apache-2.0
// The layout of a head over each token, from a directory or a packed file.
#include "models/heads/token_head.h"

#include <utility>

#include "formats/json.h"
#include "models/heads/classify.h"
#include "models/registry.h"

namespace minnow {
namespace {

constexpr int kAnswerScores = 2;

Error OtherKind(const ModelSource& source, const EncoderConfig& config, ModelKind kind) {
  const bool entities = kind == ModelKind::kTokenClassification;
  return Error{
      Code::kUnsupported,
      source.name() + (entities ? ": not a token classifier: " : ": answers no questions: ") +
          (config.architecture.empty()
               ? "no architectures in its configuration"
               : "architectures is " + QuoteForMessage(config.architecture)) +
          (entities ? ", not NAMEForTokenClassification" : ", not NAMEForQuestionAnswering")};
}

Result<SentenceTransformersLayout> DirectoryLayout(const ModelSource& source,
                                                   const EncoderConfig& config, ModelKind kind) {
  const TokenHeadNames& names = FamilyOf(config.model_type).token_heads;
  const char* const product =
      kind == ModelKind::kTokenClassification ? names.classifier : names.answer;
  MINNOW_ASSIGN_OR_RETURN(const int outputs, ReadClassCount(source, product, config.hidden_size));
  SentenceTransformersLayout layout = source.layout();
  layout.pooling = {Pooling::kNone};
  layout.normalize = false;
  layout.dense = {{.directory = layout.transformer_directory,
                   .name = product,
                   .in_features = config.hidden_size,
                   .out_features = outputs,
                   .activation = DenseActivation::kIdentity}};
  return layout;
}

}  // namespace

Result<TokenHeadSpec> ReadTokenHeadSpec(const ModelSource& source, ModelKind kind) {
  MINNOW_ASSIGN_OR_RETURN(const EncoderConfig config, source.ReadConfig());
  if (source.kind() != kind) return OtherKind(source, config, kind);
  TokenHeadSpec spec;
  if (source.packed()) {
    spec.layout = source.layout();
    if (spec.layout.dense.empty())
      return Error{Code::kCorrupt, source.name() + ": configuration of head: no modules"};
  } else {
    MINNOW_ASSIGN_OR_RETURN(spec.layout, DirectoryLayout(source, config, kind));
  }
  const int outputs = spec.layout.dense.back().out_features;
  if (kind == ModelKind::kQuestionAnswering) {
    if (outputs == kAnswerScores) return spec;
    return Error{Code::kUnsupported,
                 source.name() + ": the head gives " + std::to_string(outputs) +
                     " numbers a token; an answer's first and last token need " +
                     std::to_string(kAnswerScores)};
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string json, source.ReadConfigJson(kTransformer));
  const std::string& name = source.components().find(kTransformer)->second.config;
  MINNOW_ASSIGN_OR_RETURN(spec.labels, ReadLabels(json, name, static_cast<size_t>(outputs)));
  return spec;
}

}  // namespace minnow
