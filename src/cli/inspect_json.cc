// SPDX-License-Identifier: Apache-2.0
// The parts of a report, each an object.
#include "cli/inspect_json.h"

#include <string_view>
#include <vector>

#include "formats/json.h"

namespace minnow {
namespace {

void Field(JsonWriter& json, std::string_view name, int64_t value) {
  json.Key(name);
  json.Int(value);
}

void Field(JsonWriter& json, std::string_view name, std::string_view value) {
  json.Key(name);
  json.String(value);
}

void WriteConfig(JsonWriter& json, const EncoderConfig& c, const std::vector<std::string>& labels) {
  json.BeginObject();
  Field(json, "model_type", c.model_type);
  Field(json, "architecture", c.architecture);
  Field(json, "vocab_size", c.vocab_size);
  Field(json, "hidden_size", c.hidden_size);
  Field(json, "embedding_size", c.embedding_width());
  Field(json, "num_hidden_layers", c.num_hidden_layers);
  Field(json, "layers_with_weights", c.layer_weights());
  Field(json, "num_attention_heads", c.num_attention_heads);
  Field(json, "intermediate_size", c.intermediate_size);
  Field(json, "hidden_act", ActivationName(c.hidden_act));
  json.Key("layer_norm_eps");
  json.Float(c.layer_norm_eps);
  Field(json, "max_position_embeddings", c.max_position_embeddings);
  Field(json, "type_vocab_size", c.type_vocab_size);
  Field(json, "pad_token_id", c.pad_token_id);
  json.Key("labels");
  json.BeginArray();
  for (const std::string& label : labels) json.String(label);
  json.EndArray();
  json.EndObject();
}

// What EncoderConfig has no place for.
void WriteT5(JsonWriter& json, const T5Config& c) {
  json.BeginObject();
  Field(json, "d_kv", c.d_kv);
  Field(json, "num_layers", c.num_layers);
  Field(json, "num_decoder_layers", c.num_decoder_layers);
  json.Key("gated");
  json.Bool(c.gated);
  json.Key("tie_word_embeddings");
  json.Bool(c.tie_word_embeddings);
  json.Key("scale_decoder_outputs");
  json.Bool(c.scale_decoder_outputs);
  json.EndObject();
}

void WriteTextToText(JsonWriter& json, const TextToTextReport& report) {
  json.BeginObject();
  json.Key("tasks");
  json.BeginArray();
  for (const std::string& task : report.tasks) json.String(task);
  json.EndArray();
  Field(json, "decoder_start_token_id", report.start_id);
  json.Key("eos_token_id");
  json.BeginArray();
  for (const int id : report.end_ids) json.Int(id);
  json.EndArray();
  Field(json, "max_input_tokens", static_cast<int64_t>(report.max_input_tokens));
  Field(json, "max_new_tokens", static_cast<int64_t>(report.max_new_tokens));
  Field(json, "cache_bytes_per_input_token", static_cast<int64_t>(report.input_token_bytes));
  Field(json, "cache_bytes_per_new_token", static_cast<int64_t>(report.answer_token_bytes));
  json.EndObject();
}

void WriteImage(JsonWriter& json, const ImageReport& report) {
  json.BeginObject();
  Field(json, "dtype", DtypeName(report.dtype));
  Field(json, "parameters", static_cast<int64_t>(report.parameters));
  Field(json, "weight_bytes", static_cast<int64_t>(report.weight_bytes));
  json.Key("winograd_unet");
  json.Bool(report.winograd_unet);
  json.Key("winograd_vae");
  json.Bool(report.winograd_vae);
  Field(json, "width", static_cast<int64_t>(report.width));
  Field(json, "height", static_cast<int64_t>(report.height));
  Field(json, "picture_bytes", static_cast<int64_t>(report.picture_bytes));
  json.EndObject();
}

void WriteSentence(JsonWriter& json, const ModelReport& report) {
  const SentenceTransformersLayout& layout = *report.layout;
  json.BeginObject();
  json.Key("prompts");
  json.BeginObject();
  for (const auto& [name, prompt] : layout.prompts.named) {
    json.Key(name);
    json.String(prompt);
  }
  json.EndObject();
  json.Key("pooling");
  json.BeginArray();
  for (const Pooling pooling : layout.pooling) json.String(PoolingName(pooling));
  json.EndArray();
  json.Key("dense");
  json.BeginArray();
  for (const DenseSpec& dense : layout.dense) {
    json.BeginObject();
    Field(json, "in_features", dense.in_features);
    Field(json, "out_features", dense.out_features);
    Field(json, "activation", DenseActivationName(dense.activation));
    json.Key("bias");
    json.Bool(dense.bias);
    json.EndObject();
  }
  json.EndArray();
  json.Key("normalize");
  json.Bool(layout.normalize);
  json.Key("fills_masks");
  json.Bool(report.fills_masks);
  if (report.config) Field(json, "embedding_size", report.embedding_size());
  if (const auto limit = report.length_limit()) {
    Field(json, "max_tokens", limit->tokens);
    Field(json, "max_tokens_source", limit->source);
  }
  json.EndObject();
}

void WriteWeights(JsonWriter& json, const ModelReport& report, bool each) {
  json.BeginObject();
  json.Key("files");
  json.BeginArray();
  for (const auto& file : report.files()) json.String(file->path());
  json.EndArray();
  Field(json, "tensors", static_cast<int64_t>(report.tensors().size()));
  Field(json, "parameters", static_cast<int64_t>(report.parameters));
  Field(json, "bytes", static_cast<int64_t>(report.tensor_bytes));
  if (each) {
    json.Key("list");
    json.BeginArray();
    for (const auto& [name, tensor] : report.tensors()) {
      json.BeginObject();
      Field(json, "name", name);
      Field(json, "dtype", TensorTypeName(tensor.type));
      json.Key("shape");
      json.BeginArray();
      for (const int64_t size : tensor.shape) json.Int(size);
      json.EndArray();
      Field(json, "bytes", tensor.elements() * static_cast<int64_t>(TensorTypeBytes(tensor.type)));
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

void WriteTokenizer(JsonWriter& json, const TokenizerReport& tokenizer) {
  json.BeginObject();
  Field(json, "type", tokenizer.type);
  Field(json, "vocab_size", static_cast<int64_t>(tokenizer.vocab_size));
  json.EndObject();
}

void WriteVerdict(JsonWriter& json, const ModelReport& report) {
  json.Key("notes");
  json.BeginArray();
  for (const std::string& note : report.notes) json.String(note);
  json.EndArray();
  json.Key("problems");
  json.BeginArray();
  for (const Error& problem : report.problems) {
    json.BeginObject();
    Field(json, "code", CodeName(problem.code));
    Field(json, "message", problem.message);
    json.EndObject();
  }
  json.EndArray();
  json.Key(report.model ? "served" : "readable");
  json.Bool(report.problems.empty());
}

void WritePackedReport(JsonWriter& json, const ModelReport& report) {
  const PackedHeader& header = report.packed->header();
  json.BeginObject();
  Field(json, "format", header.version);
  Field(json, "model_id", header.model_id);
  Field(json, "packed_by", header.packed_by);
  Field(json, "dtype", header.dtype);
  Field(json, "embedding_dtype", header.embedding_dtype);
  json.Key("quality");
  if (header.quality) {
    json.BeginObject();
    Field(json, "texts", header.quality->texts);
    json.Key("cosine_mean");
    json.Double(header.quality->cosine_mean);
    json.Key("cosine_min");
    json.Double(header.quality->cosine_min);
    if (header.quality->same_label) Field(json, "same_label", *header.quality->same_label);
    json.EndObject();
  } else {
    json.Null();
  }
  json.Key("verified");
  json.Bool(report.verified);
  json.EndObject();
}

void WriteOnnx(JsonWriter& json, const OnnxReport& onnx) {
  json.BeginObject();
  Field(json, "file", onnx.path);
  Field(json, "producer", onnx.producer);
  Field(json, "ir_version", onnx.ir_version);
  Field(json, "opset", onnx.opset);
  Field(json, "nodes", static_cast<int64_t>(onnx.nodes));
  Field(json, "tensors", static_cast<int64_t>(onnx.tensors));
  json.Key("understood_by");
  if (onnx.source) {
    json.String(onnx.source->understood_by());
  } else {
    json.Null();
  }
  json.EndObject();
}

}  // namespace

std::string ReportJson(const ModelReport& report, bool each_tensor) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  Field(json, "path", report.path);
  Field(json, "kind", ModelKindName(report.kind));
  json.Key("packed");
  report.packed ? WritePackedReport(json, report) : json.Null();
  json.Key("onnx");
  report.onnx ? WriteOnnx(json, *report.onnx) : json.Null();
  json.Key("config");
  report.config ? WriteConfig(json, *report.config, report.labels) : json.Null();
  json.Key("t5");
  report.t5 ? WriteT5(json, *report.t5) : json.Null();
  json.Key("text_to_text");
  report.text_to_text ? WriteTextToText(json, *report.text_to_text) : json.Null();
  json.Key("text_to_image");
  report.image ? WriteImage(json, *report.image) : json.Null();
  json.Key("sentence_vectors");
  report.layout&& report.kind == ModelKind::kEmbedding ? WriteSentence(json, report) : json.Null();
  json.Key("tokenizer");
  report.tokenizer ? WriteTokenizer(json, *report.tokenizer) : json.Null();
  json.Key("weights");
  WriteWeights(json, report, each_tensor);
  WriteVerdict(json, report);
  json.EndObject();
  return text + "\n";
}

}  // namespace minnow
