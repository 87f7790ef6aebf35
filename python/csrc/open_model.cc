// SPDX-License-Identifier: Apache-2.0
#include "csrc/open_model.h"

#include <utility>

#include "base/cpu.h"
#include "formats/json.h"
#include "kernels/dispatch.h"

namespace minnow::python {
namespace {

// The model at `place`, loaded where it is not there yet.
template <class Model>
Result<const Model*> Loaded(const ModelSource& source, const EncoderPrecision& precision,
                            std::unique_ptr<Model>& place) {
  if (place == nullptr) {
    MINNOW_ASSIGN_OR_RETURN(place, Model::Load(source, precision));
  }
  return static_cast<const Model*>(place.get());
}

void Field(JsonWriter& json, std::string_view name, std::string_view value) {
  json.Key(name);
  json.String(value);
}

void Field(JsonWriter& json, std::string_view name, size_t value) {
  json.Key(name);
  json.Uint(value);
}

void WriteTextModel(const TextModel& model, JsonWriter& json) {
  const ModelInfo& info = model.info();
  Field(json, "model_id", info.model_id);
  Field(json, "model_type", info.config.model_type);
  Field(json, "dtype", DtypeName(info.dtype));
  Field(json, "embedding_dtype", TableTypeName(info.embedding));
  Field(json, "hidden_size", model.hidden_size());
  Field(json, "embedding_size", model.outputs());
  Field(json, "weight_bytes", info.weight_bytes);
  json.Key("prompts");
  json.BeginObject();
  for (const auto& [name, prompt] : info.layout.prompts.named) Field(json, name, prompt);
  json.EndObject();
  json.Key("default_prompt_name");
  const std::string& name = info.layout.prompts.default_name;
  name.empty() ? json.Null() : json.String(name);
}

void WriteGenerator(const GenerateModel& model, JsonWriter& json) {
  const T5Info& info = model.info();
  Field(json, "model_id", info.model_id);
  Field(json, "model_type", info.config.model_type);
  Field(json, "dtype", DtypeName(info.dtype));
  Field(json, "embedding_dtype", TableTypeName(info.embedding));
  Field(json, "hidden_size", static_cast<size_t>(info.config.d_model));
  Field(json, "weight_bytes", info.weight_bytes);
  Field(json, "max_new_tokens", model.max_new_tokens());
  json.Key("tasks");
  json.BeginArray();
  for (const auto& [name, task] : model.tasks()) json.String(name);
  json.EndArray();
}

}  // namespace

Result<std::unique_ptr<OpenModel>> OpenModel::Open(const std::string& path,
                                                   const std::string& dtype, int threads) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  if (path.empty()) return Error{Code::kInvalidArgument, "path: empty"};
  EncoderPrecision precision;
  MINNOW_ASSIGN_OR_RETURN(precision.dtype, ParseDtypeOrAuto(dtype));
  MINNOW_ASSIGN_OR_RETURN(ModelSource source, ModelSource::Open(path));
  const int members = threads > 0 ? threads : Cpu().usable_cores();
  std::unique_ptr<OpenModel> model(new OpenModel(std::move(source), precision, members));
  MINNOW_RETURN_IF_ERROR(model->Load());
  return model;
}

Status OpenModel::Load() {
  switch (source_.kind()) {
    case ModelKind::kClassification:
      MINNOW_RETURN_IF_ERROR(Classifier());
      return {};
    case ModelKind::kTextToText:
      MINNOW_RETURN_IF_ERROR(Generator());
      return {};
    case ModelKind::kTextToImage:
      return Error{Code::kUnsupported,
                   source_.name() + ": makes pictures, which only the program does (minnow image)"};
    default:
      MINNOW_RETURN_IF_ERROR(Embedding());
      return {};
  }
}

Result<const EmbeddingModel*> OpenModel::Embedding() {
  return Loaded(source_, precision_, embedding_);
}

Result<const ClassifyModel*> OpenModel::Classifier() {
  return Loaded(source_, precision_, classifier_);
}

Result<const GenerateModel*> OpenModel::Generator() {
  return Loaded(source_, precision_, generator_);
}

const TextModel* OpenModel::text_model() const {
  if (classifier_ != nullptr) return classifier_.get();
  return embedding_.get();
}

Result<const Tokenizer*> OpenModel::FindTokenizer() const {
  if (generator_ != nullptr && generator_->has_tokenizer()) return &generator_->tokenizer();
  const TextModel* const model = text_model();
  if (model != nullptr && model->has_tokenizer()) return &model->tokenizer();
  return Error{Code::kNotFound, source_.name() + ": no tokenizer.json"};
}

size_t OpenModel::max_tokens() const {
  const TextModel* const model = text_model();
  return model != nullptr ? model->max_tokens() : generator_->max_input_tokens();
}

std::string OpenModel::InfoJson() const {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  Field(json, "path", source_.name());
  Field(json, "kind", ModelKindName(source_.kind()));
  generator_ != nullptr ? WriteGenerator(*generator_, json) : WriteTextModel(*text_model(), json);
  Field(json, "max_seq_length", max_tokens());
  json.Key("labels");
  json.BeginArray();
  if (classifier_ != nullptr) {
    for (const std::string& label : classifier_->labels()) json.String(label);
  }
  json.EndArray();
  json.Key("tokenizer");
  const auto tokenizer = FindTokenizer();
  tokenizer.ok() ? json.String((*tokenizer)->type()) : json.Null();
  Field(json, "kernels", ActiveKernels().name);
  Field(json, "threads", static_cast<size_t>(threads_));
  json.EndObject();
  return text;
}

}  // namespace minnow::python
