// SPDX-License-Identifier: Apache-2.0
// Reads what config.json says about classes.
#include "models/heads/classify.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "formats/json.h"
#include "models/registry.h"

namespace minnow {
namespace {

constexpr int64_t kMaxLabels = 1 << 20;

Result<JsonDocument> ParseConfig(const std::string& json, const std::string& name) {
  JsonLimits limits;
  limits.max_bytes = kMaxConfigBytes;
  return JsonDocument::Parse(json, name, limits);
}

constexpr double kMaxExactInteger = 0x1p53;

// A label as text; nullopt for null.
Result<std::optional<std::string>> LabelText(const JsonView& value) {
  std::string text;
  JsonWriter writer(&text);
  if (value.is_null()) return std::optional<std::string>();
  // By type, not by trial: what fails finds its place in the document for the message.
  if (value.is_string()) {
    MINNOW_ASSIGN_OR_RETURN(text, value.String());
  } else if (value.type() == JsonType::kNumber) {
    MINNOW_ASSIGN_OR_RETURN(const double number, value.Number());
    if (std::trunc(number) == number && std::fabs(number) <= kMaxExactInteger) {
      writer.Int(static_cast<int64_t>(number));
    } else {
      writer.Double(number);
    }
  } else if (value.type() == JsonType::kBool) {
    MINNOW_ASSIGN_OR_RETURN(const bool flag, value.Bool());
    writer.Bool(flag);
  } else {
    return value.Expected("a string or a number");
  }
  return std::optional<std::string>(std::move(text));
}

Result<std::string> ProblemType(const JsonView& root) {
  const auto field = root.Find("problem_type");
  if (!field || field->is_null()) return std::string();
  MINNOW_ASSIGN_OR_RETURN(const std::string_view type, field->String());
  for (const char* known :
       {"single_label_classification", "multi_label_classification", "regression"}) {
    if (type == known) return std::string(type);
  }
  return field->Wrong(Code::kUnsupported,
                      QuoteForMessage(type) +
                          " is not supported (known: single_label_classification, "
                          "multi_label_classification, regression)");
}

Result<ScoreFunction> ReadScoreFunction(const std::string& json, const std::string& name,
                                        size_t labels) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseConfig(json, name));
  MINNOW_ASSIGN_OR_RETURN(const std::string type, ProblemType(document.root()));
  if (type == "regression") return ScoreFunction::kNone;
  if (type == "multi_label_classification") return ScoreFunction::kSigmoid;
  if (type.empty() && labels == 1) return ScoreFunction::kSigmoid;
  return ScoreFunction::kSoftmax;
}

// The head of a directory.
Result<SentenceTransformersLayout> DirectoryLayout(const ModelSource& source,
                                                   const EncoderConfig& config) {
  const ClassifierNames& names = FamilyOf(config.model_type).classifier;
  MINNOW_ASSIGN_OR_RETURN(const int classes, ReadClassCount(source, names.out, config.hidden_size));
  SentenceTransformersLayout layout = source.layout();
  layout.pooling = {Pooling::kCls};
  layout.normalize = false;
  layout.dense = {{.directory = layout.transformer_directory,
                   .name = names.dense,
                   .in_features = config.hidden_size,
                   .out_features = config.hidden_size,
                   .activation = names.activation},
                  {.directory = layout.transformer_directory,
                   .name = names.out,
                   .in_features = config.hidden_size,
                   .out_features = classes,
                   .activation = DenseActivation::kIdentity}};
  return layout;
}

}  // namespace

Result<int> ReadClassCount(const ModelSource& source, const std::string& product, int in_features) {
  MINNOW_ASSIGN_OR_RETURN(const auto tensors, source.OpenTensors(kTransformer));
  const std::array<int64_t, 2> shape = {-1, in_features};
  const std::string weight = product + ".weight";
  MINNOW_ASSIGN_OR_RETURN(const TensorView* out, tensors->Get(weight, shape));
  if (out->shape[0] < 1 || out->shape[0] > kMaxLabels) {
    return Error{Code::kUnsupported, tensors->name() + ": " + weight + ": " +
                                         std::to_string(out->shape[0]) + " classes, limit " +
                                         std::to_string(kMaxLabels)};
  }
  return static_cast<int>(out->shape[0]);
}

Result<std::vector<std::string>> ReadLabels(const std::string& config_json, const std::string& name,
                                            size_t count) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseConfig(config_json, name));
  std::vector<std::string> labels;
  for (size_t i = 0; i < count; ++i) labels.push_back("LABEL_" + std::to_string(i));
  const auto field = document.root().Find("id2label");
  if (!field || field->is_null()) return labels;
  if (!field->is_array() && !field->is_object()) return field->Expected("an object or a list");
  std::vector<bool> seen(count);
  for (size_t i = 0; i < field->size(); ++i) {
    size_t id = i;
    if (field->is_object()) {
      const std::string_view key = field->key(i);
      const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
      if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size()) id = count;
    }
    if (id >= count || seen[id]) {
      const std::string what =
          field->is_object() ? QuoteForMessage(field->key(i)) : std::to_string(i);
      return field->Wrong("expected ids from 0 to " + std::to_string(count - 1) +
                          ", each once: the head has " + std::to_string(count) + " classes; got " +
                          what);
    }
    seen[id] = true;
    MINNOW_ASSIGN_OR_RETURN(std::optional<std::string> label, LabelText(field->at(i)));
    if (label) labels[id] = std::move(*label);
  }
  return labels;
}

Result<ClassifierSpec> ReadClassifierSpec(const ModelSource& source) {
  MINNOW_ASSIGN_OR_RETURN(const EncoderConfig config, source.ReadConfig());
  if (source.kind() != ModelKind::kClassification) {
    return Error{Code::kUnsupported,
                 source.name() + ": not a classifier: " +
                     (config.architecture.empty()
                          ? "no architectures in its configuration"
                          : "architectures is " + QuoteForMessage(config.architecture)) +
                     ", not NAMEForSequenceClassification"};
  }
  ClassifierSpec spec;
  if (source.packed()) {
    spec.layout = source.layout();
    if (spec.layout.dense.empty())
      return Error{Code::kCorrupt, source.name() + ": configuration of head: no modules"};
  } else {
    MINNOW_ASSIGN_OR_RETURN(spec.layout, DirectoryLayout(source, config));
  }
  const size_t count = static_cast<size_t>(spec.layout.dense.back().out_features);
  MINNOW_ASSIGN_OR_RETURN(const std::string json, source.ReadConfigJson(kTransformer));
  const std::string& name = source.components().find(kTransformer)->second.config;
  MINNOW_ASSIGN_OR_RETURN(spec.labels, ReadLabels(json, name, count));
  MINNOW_ASSIGN_OR_RETURN(spec.function, ReadScoreFunction(json, name, count));
  return spec;
}

void ApplyScoreFunction(ScoreFunction function, std::span<float> scores) {
  switch (function) {
    case ScoreFunction::kNone:
      return;
    case ScoreFunction::kSigmoid:
      for (float& score : scores)
        score = static_cast<float>(1.0 / (1.0 + std::exp(-double{score})));
      return;
    case ScoreFunction::kSoftmax: {
      const double most = *std::max_element(scores.begin(), scores.end());
      double sum = 0;
      for (const float score : scores) sum += std::exp(double{score} - most);
      for (float& score : scores) score = static_cast<float>(std::exp(double{score} - most) / sum);
      return;
    }
  }
}

}  // namespace minnow
