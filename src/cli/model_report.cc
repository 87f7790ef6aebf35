// SPDX-License-Identifier: Apache-2.0
// Runs every reader over the model, then, if none complained, the loader itself: it has the last
// word.
#include "cli/model_report.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "formats/bundle.h"
#include "formats/json.h"
#include "formats/packed_header.h"
#include "models/builtin/language_detector.h"
#include "models/encoder_model.h"
#include "models/heads/token_head.h"
#include "models/registry.h"
#include "models/t5/cache.h"
#include "tasks/generate/model.h"
#include "tasks/text_model.h"
#include "text/tokenizer.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxTokenizerNotes = 8;

// The value, or nullopt and one more problem.
template <class T>
std::optional<T> Keep(Result<T> result, std::vector<Error>& problems) {
  if (result.ok()) return std::move(result).value();
  problems.push_back(std::move(result).error());
  return std::nullopt;
}

void ExamineTokenizer(Result<std::unique_ptr<const Tokenizer>> loaded, ModelReport& report) {
  const auto tokenizer = Keep(std::move(loaded), report.problems);
  if (!tokenizer) return;
  if (*tokenizer == nullptr)
    return report.notes.push_back("no tokenizer files: takes token ids only");
  report.tokenizer = TokenizerReport{(*tokenizer)->type(), (*tokenizer)->vocab_size()};
  const std::vector<std::string>& warnings = (*tokenizer)->warnings();
  const size_t shown = std::min(warnings.size(), kMaxTokenizerNotes);
  for (size_t i = 0; i < shown; ++i) report.notes.push_back("tokenizer: " + warnings[i]);
  if (shown < warnings.size()) {
    report.notes.push_back("tokenizer: and " + std::to_string(warnings.size() - shown) +
                           " more of this kind");
  }
}

void CountTensors(ModelReport& report) {
  for (const auto& [name, tensor] : report.tensors()) {
    report.parameters += static_cast<uint64_t>(tensor.elements());
    // A part of a fused weight lies between the others: its data span more than it has.
    report.tensor_bytes += static_cast<uint64_t>(tensor.elements()) * TensorTypeBytes(tensor.type);
  }
}

void AddNotes(ModelReport& report) {
  if (report.tokenizer && report.config &&
      report.tokenizer->vocab_size > static_cast<size_t>(report.config->vocab_size)) {
    report.notes.push_back("the tokenizer knows " + std::to_string(report.tokenizer->vocab_size) +
                           " tokens, but config.json: vocab_size is " +
                           std::to_string(report.config->vocab_size) +
                           ": a text with a token above it is refused");
  }
  if (!report.layout) return;
  if (report.layout->assumed && report.kind == ModelKind::kEmbedding) {
    report.notes.push_back("no modules.json: mean pooling and no normalisation are assumed");
  }
  const PromptSet& prompts = report.layout->prompts;
  if (!prompts.default_name.empty() && !prompts.Find(prompts.default_name)->empty()) {
    report.notes.push_back("default_prompt_name: " + QuoteForMessage(prompts.default_name) +
                           ": texts get that prompt where none is asked for");
  }
}

// What the family says besides; the configuration was read before.
void ExamineT5(const ModelSource& source, ModelReport& report) {
  const auto json = source.ReadConfigJson(kTransformer);
  if (!json.ok()) return;
  auto config = ParseT5Config(*json, "");
  if (config.ok()) report.t5 = std::move(config).value();
}

void ExamineTextToText(const ModelSource& source, std::optional<Dtype> dtype, ModelReport& report) {
  const auto loaded = GenerateModel::Load(source, {.dtype = dtype, .embedding = std::nullopt});
  if (!loaded.ok()) return report.problems.push_back(loaded.error());
  const GenerateModel& model = **loaded;
  const T5Config& config = model.info().config;
  const auto bytes = [&](size_t input, size_t answer) {
    return T5Cache::Bytes(config, input, answer, /*beams=*/1);
  };
  TextToTextReport text;
  for (const auto& [name, task] : model.tasks()) text.tasks.push_back(name);
  text.start_id = *model.options().decoder_start_token_id;
  text.end_ids.assign(model.options().eos_token_id->begin(), model.options().eos_token_id->end());
  text.max_input_tokens = model.max_input_tokens();
  text.max_new_tokens = model.max_new_tokens();
  text.input_token_bytes = bytes(2, 1) - bytes(1, 1);
  text.answer_token_bytes = bytes(1, 2) - bytes(1, 1);
  report.text_to_text = std::move(text);
}

// The head, and then the loader: it has the last word.
void ExamineWhole(const ModelSource& source, ModelReport& report) {
  report.kind = source.kind();
  report.layout = source.layout();
  if (IsT5(report.config->model_type)) ExamineT5(source, report);
  if (IsPerToken(report.kind)) {
    auto spec = Keep(ReadTokenHeadSpec(source, report.kind), report.problems);
    if (!spec) return;
    report.layout = std::move(spec->layout);
    report.labels = std::move(spec->labels);
  }
  if (report.kind == ModelKind::kClassification) {
    auto spec = Keep(ReadClassifierSpec(source), report.problems);
    if (!spec) return;
    report.layout = std::move(spec->layout);
    report.labels = std::move(spec->labels);
  }
  const std::optional<Dtype> dtype = report.packed ? std::nullopt : std::optional(Dtype::kF32);
  if (report.kind == ModelKind::kTextToText) return ExamineTextToText(source, dtype, report);
  const auto loaded =
      EncoderModel::Load(source, *report.layout, {.dtype = dtype, .embedding = std::nullopt});
  if (!loaded.ok()) return report.problems.push_back(loaded.error());
  report.fills_masks = (*loaded)->mask_head() != nullptr;
  const std::string& fault = (*loaded)->info().mask_fault;
  if (!fault.empty()) report.notes.push_back("it fills no masks: " + fault);
}

void ExamineOnnx(const std::string& path, ModelReport& report) {
  auto file = Keep(OnnxFile::Open(path), report.problems);
  if (!file) return;
  const OnnxFile& onnx = **file;
  report.onnx = OnnxReport{path,         onnx.producer(),     onnx.ir_version(),
                           onnx.opset(), onnx.nodes().size(), onnx.tensors().size(),
                           nullptr};
  if (!report.config) return;
  if (IsT5(report.config->model_type)) return;  // the loader says so
  auto source =
      Keep(OnnxSource::Make(std::move(*file), *report.config, FamilyOf(report.config->model_type)),
           report.problems);
  if (source) report.onnx->source = std::move(*source);
}

void ExamineTextToImage(const ModelSource& source, ModelReport& report) {
  report.kind = source.kind();
  report.model = true;
  report.image = Keep(ExamineImageModel(source), report.problems);
}

// A directory, or an ONNX file and what lies about it.
void ExamineDirectory(ModelReport& report) {
  const auto source = Keep(ModelSource::Open(report.path), report.problems);
  if (source && source->kind() == ModelKind::kTextToImage)
    return ExamineTextToImage(*source, report);
  // With an unreadable layout the usual place is still worth a look.
  const std::string transformer = source ? source->layout().transformer_directory : report.path;
  report.config =
      Keep(ReadEncoderConfig((fs::path(transformer) / "config.json").string()), report.problems);
  ExamineTokenizer(source ? LoadTokenizer(*source) : Tokenizer::LoadDirectory(transformer), report);
  if (source && !source->onnx().empty()) {
    ExamineOnnx(source->onnx(), report);
  } else {
    report.checkpoint = Checkpoint::Examine(transformer, report.problems);
  }
  if (source) {
    report.layout = source->layout();
    for (const DenseSpec& dense : report.layout->dense)
      Checkpoint::Examine(dense.directory, report.problems);
    if (report.problems.empty()) ExamineWhole(*source, report);
  }
  AddNotes(report);
}

void ExaminePacked(Result<std::shared_ptr<const PackedFile>> opened, bool verify,
                   ModelReport& report) {
  const auto packed = Keep(std::move(opened), report.problems);
  if (!packed) return;
  report.packed = *packed;
  report.checkpoint = Checkpoint();
  const auto source = Keep(ModelSource::FromPacked(report.packed), report.problems);
  if (source && source->kind() == ModelKind::kTextToImage) {
    ExamineTextToImage(*source, report);
  } else if (source) {
    report.config = Keep(source->ReadConfig(), report.problems);
    ExamineTokenizer(LoadTokenizer(*source), report);
    if (report.config) ExamineWhole(*source, report);
    AddNotes(report);
  }
  if (!verify) return;
  Status status = report.packed->Verify();
  report.verified = status.ok();
  if (!status.ok()) report.problems.push_back(std::move(status).error());
}

}  // namespace

const std::map<std::string, TensorView, std::less<>>& ModelReport::tensors() const {
  if (onnx && onnx->source) return onnx->source->tensors();
  return packed ? packed->checkpoint().tensors() : checkpoint.tensors();
}

const std::vector<std::unique_ptr<MappedFile>>& ModelReport::files() const {
  if (onnx && onnx->source) return onnx->source->file().files();
  return packed ? packed->checkpoint().files() : checkpoint.files();
}

std::optional<ModelReport::LengthLimit> ModelReport::length_limit() const {
  if (!config) return std::nullopt;
  const bool t5 = IsT5(config->model_type);
  const LengthLimit positions{config->max_sequence_tokens(),
                              t5 ? "this program's" : "config.json: max_position_embeddings"};
  if (!layout || !layout->max_seq_length || *layout->max_seq_length > positions.tokens)
    return positions;
  return LengthLimit{*layout->max_seq_length, layout->max_seq_length_source};
}

int ModelReport::embedding_size() const {
  if (!config || !layout) return 0;
  if (!layout->dense.empty()) return layout->dense.back().out_features;
  return config->hidden_size * static_cast<int>(layout->pooling.size());
}

Result<ModelReport> ExamineModel(const std::string& path, bool verify) {
  ModelReport report;
  report.path = path.empty() ? ShownPath(kThisProgram) : path;
  std::error_code ec;
  const bool carried = path.empty() || path == kLanguageDetector;
  if (!carried && !fs::exists(path, ec))
    return Error{Code::kNotFound, path + ": no such file or directory"};
  report.directory = fs::is_directory(path, ec);
  report.model = true;
  if (report.directory || path.ends_with(".onnx")) {
    ExamineDirectory(report);
  } else if (carried) {
    ExaminePacked(path.empty() ? OpenBundledModel() : OpenLanguageDetector(), verify, report);
  } else {
    report.checkpoint = Checkpoint::Examine(path, report.problems);
    report.model = report.checkpoint.metadata().contains(kPackedVersionKey);
    if (report.model) {
      report.problems.clear();
      ExaminePacked(PackedFile::Open(path), verify, report);
    } else if (const auto source = ModelSource::Open(path);
               source.ok() && source->kind() == ModelKind::kTextToImage) {
      ExamineTextToImage(*source, report);
    }
  }
  // No reason to refuse it: it is served without one.
  if (verify && !report.packed && report.problems.empty())
    report.notes.push_back("nothing to verify: only packed files have a checksum");
  CountTensors(report);
  return report;
}

}  // namespace minnow
