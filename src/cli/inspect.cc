// SPDX-License-Identifier: Apache-2.0
// minnow inspect: what is in a model directory or weights file, and why it would be refused.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/inspect_json.h"
#include "cli/model_report.h"
#include "cli/output.h"
#include "formats/bundle.h"
#include "formats/json.h"
#include "tasks/zero_shot.h"

namespace minnow {
namespace {

constexpr size_t kLabelColumns = 16;

struct InspectOptions {
  std::string path;
  bool tensors = false;
  bool json = false;
  bool verify = false;
};

// --- words
// ------------------------------------------------------------------------------------------------------

// Names from files go to a terminal: no control characters.
std::string Printable(std::string_view text) {
  std::string quoted;
  JsonWriter(&quoted).String(text);
  return quoted.substr(1, quoted.size() - 2);
}

// 22713216 -> "22,713,216"
std::string Grouped(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string GroupedPlural(uint64_t count, const std::string& noun) {
  return Grouped(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000.0;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(units)) {
    value /= 1000.0;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, units[unit]);
  return text;
}

std::string PromptsText(const PromptSet& prompts) {
  std::string text;
  for (const auto& [name, prompt] : prompts.named) {
    text += (text.empty() ? "" : ", ") + QuoteForMessage(name) + ": " + QuoteForMessage(prompt);
    if (name == prompts.default_name) text += " (default)";
  }
  return text;
}

std::string PoolingText(const SentenceTransformersLayout& layout) {
  std::string text;
  for (const Pooling pooling : layout.pooling)
    text += (text.empty() ? "" : " + ") + std::string(PoolingName(pooling));
  if (!layout.prompts.pooled) text += ", without the prompt's tokens";
  return text;
}

// Characters as a terminal counts them, near enough: continuation bytes take no room.
size_t Columns(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Line(const std::string& label, const std::string& value) {
  const size_t padding = kLabelColumns > Columns(label) ? kLabelColumns - Columns(label) : 1;
  return "  " + label + std::string(padding, ' ') + value + "\n";
}

// --- tensors
// ----------------------------------------------------------------------------------------------------

struct TensorRow {
  std::string name;
  TensorType type = TensorType::kF32;
  std::string shape;
  uint64_t count = 0;
  uint64_t bytes = 0;
};

// "encoder.layer.3.output" -> "encoder.layer.*.output"
std::string LayerPattern(std::string_view name) {
  std::string pattern;
  size_t begin = 0;
  while (begin <= name.size()) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    pattern += number ? "*" : std::string(part);
    if (end < name.size()) pattern += '.';
    begin = end + 1;
  }
  return pattern;
}

// One row a tensor, or one for all tensors that differ only in their layer's number.
std::vector<TensorRow> TensorRows(const ModelReport& report, bool each) {
  std::vector<TensorRow> rows;
  std::map<std::tuple<std::string, TensorType, std::string>, size_t> row_of;
  for (const auto& [name, tensor] : report.tensors()) {
    if (report.packed && name.starts_with("_pad."))
      continue;  // fills up to the next tensor's alignment
    const std::string shape = tensor.ShapeString();
    const std::string pattern = each ? name : LayerPattern(name);
    const auto [found, added] = row_of.try_emplace({pattern, tensor.type, shape}, rows.size());
    if (added) rows.push_back({name, tensor.type, shape, 0, 0});
    TensorRow& row = rows[found->second];
    if (++row.count > 1) row.name = pattern;
    row.bytes += static_cast<uint64_t>(tensor.elements()) * TensorTypeBytes(tensor.type);
  }
  return rows;
}

// Cells in columns as wide as their widest; the columns named in `right` are aligned to the right.
std::string Table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<bool>& right) {
  std::vector<size_t> widths(right.size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Columns(row[i]), ' ');
      line += (i == 0 ? " " : "  ") + (right[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string TensorTable(const ModelReport& report, bool each) {
  std::vector<std::vector<std::string>> cells;
  for (const TensorRow& row : TensorRows(report, each)) {
    cells.push_back({Printable(row.name), TensorTypeName(row.type), row.shape,
                     row.count > 1 ? "x " + std::to_string(row.count) : "", Bytes(row.bytes)});
  }
  return Table(cells, {false, false, false, false, true});
}

// --- text
// -------------------------------------------------------------------------------------------------------

template <class Config>
std::string TypeLine(const Config& c) {
  return Line("type", c.model_type +
                          (c.architecture.empty() ? "" : " (" + Printable(c.architecture) + ")"));
}

// Of both stacks where the decoder's is used too.
std::string T5Text(const T5Config& c, bool decoder) {
  const auto plural = [](int count, const std::string& noun) {
    return GroupedPlural(static_cast<uint64_t>(count), noun);
  };
  std::string text = "Model\n" + TypeLine(c);
  text += Line("layers", decoder ? std::to_string(c.num_layers) + " of the encoder, " +
                                       std::to_string(c.num_decoder_layers) + " of the decoder"
                                 : std::to_string(c.num_layers) + " of the encoder");
  text += Line("hidden size", std::to_string(c.d_model) + ", " + plural(c.num_heads, "head") +
                                  " of " + std::to_string(c.d_kv));
  text += Line("position bias", std::to_string(c.encoder_buckets.count) + " buckets of distance" +
                                    (c.bias_in_every_block ? ", in every layer" : ""));
  text += Line("feed-forward", std::to_string(c.d_ff) + ", " + (c.gated ? "gated " : "") +
                                   ActivationName(c.activation));
  return text + Line("tables", plural(c.vocab_size, "token")) + "\n";
}

std::string ModelText(const EncoderConfig& c) {
  std::string text = "Model\n" + TypeLine(c);
  text += Line("layers",
               std::to_string(c.layer_steps()) +
                   (c.layer_weights() == c.layer_steps()
                        ? ""
                        : " (with the weights of " + std::to_string(c.layer_weights()) + ")"));
  text +=
      Line("hidden size", std::to_string(c.hidden_size) + ", " +
                              GroupedPlural(static_cast<uint64_t>(c.num_attention_heads), "head") +
                              " of " + std::to_string(c.head_dim()));
  if (c.embedding_width() != c.hidden_size)
    text += Line("embeddings", std::to_string(c.embedding_width()));
  if (c.position_bias.count > 0)
    text += Line("position bias", std::to_string(c.position_bias.count) + " buckets of distance");
  text += Line("feed-forward",
               std::to_string(c.intermediate_size) + ", " + ActivationName(c.hidden_act));
  text += Line("tables",
               GroupedPlural(static_cast<uint64_t>(c.vocab_size), "token") + ", " +
                   GroupedPlural(static_cast<uint64_t>(c.max_position_embeddings), "position") +
                   ", " + GroupedPlural(static_cast<uint64_t>(c.type_vocab_size), "token type"));
  return text + "\n";
}

// "ar, bg, de, ... (20)"
std::string LabelsText(const std::vector<std::string>& labels) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, labels.size()); ++i)
    text += (i == 0 ? "" : ", ") + Printable(labels[i]);
  return text + (labels.size() > kShown ? ", ... (" + Grouped(labels.size()) + ")" : "");
}

std::string LimitLine(const ModelReport& report) {
  const auto limit = report.length_limit();
  if (!limit) return "";
  return Line("length limit", GroupedPlural(static_cast<uint64_t>(limit->tokens), "token") + " (" +
                                  limit->source + ")");
}

// What a model is that makes no sentence vectors.
std::string ClassifierText(const ModelReport& report) {
  if (report.kind == ModelKind::kQuestionAnswering)
    return "Question answering\n" + LimitLine(report) + "\n";
  const bool of_tokens = report.kind == ModelKind::kTokenClassification;
  std::string text = std::string(of_tokens ? "Token classifier\n" : "Classifier\n") +
                     Line("labels", LabelsText(report.labels));
  if (!of_tokens && FindEntailment(report.labels))
    text += Line("zero-shot", "yes (classify --labels)");
  return text + LimitLine(report) + "\n";
}

std::string SentenceText(const ModelReport& report) {
  const SentenceTransformersLayout& layout = *report.layout;
  std::string text = "Sentence vectors\n";
  if (!layout.prompts.named.empty()) text += Line("prompts", PromptsText(layout.prompts));
  text += Line("pooling", PoolingText(layout) + (layout.assumed ? " (assumed)" : ""));
  for (const DenseSpec& dense : layout.dense) {
    text +=
        Line("dense", std::to_string(dense.in_features) + " -> " +
                          std::to_string(dense.out_features) + ", " +
                          DenseActivationName(dense.activation) + (dense.bias ? "" : ", no bias"));
  }
  text += Line("normalize", layout.normalize ? "yes" : "no");
  if (report.fills_masks) text += Line("masks", "filled too (fill-mask)");
  if (report.config)
    text += Line("vector", GroupedPlural(static_cast<uint64_t>(report.embedding_size()), "number"));
  return text + LimitLine(report) + "\n";
}

std::string TextToTextText(const TextToTextReport& report) {
  const auto list = [](const auto& items, auto text_of) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + text_of(item);
    return text;
  };
  std::string text = "Text to text\n";
  text += Line("start, end", std::to_string(report.start_id) + ", " +
                                 list(report.end_ids, [](int id) { return std::to_string(id); }));
  if (!report.tasks.empty()) text += Line("tasks", list(report.tasks, Printable));
  text += Line("length limit", GroupedPlural(report.max_input_tokens, "token") + " in, " +
                                   Grouped(report.max_new_tokens) + " out");
  text += Line("caches", Bytes(report.input_token_bytes) + " a token in, " +
                             Bytes(report.answer_token_bytes) + " a token out of each beam");
  return text + "\n";
}

std::string ImageText(const ImageReport& report) {
  std::string text = "Text to image\n";
  text += Line("parameters", Grouped(report.parameters));
  text += Line("weights", Bytes(report.weight_bytes) + " in " + DtypeName(report.dtype));
  const std::string where = report.winograd_unet && report.winograd_vae ? "UNet and VAE"
                            : report.winograd_unet                      ? "UNet"
                                                                        : "VAE";
  const bool winograd = report.winograd_unet || report.winograd_vae;
  text += Line("convolutions", winograd ? "Winograd's form in the " + where : "direct");
  if (report.width > 0) {
    text += Line("picture", std::to_string(report.width) + "x" + std::to_string(report.height) +
                                ", " + Bytes(report.picture_bytes) + " beside the weights");
  }
  return text + "\n";
}

std::string WeightsText(const ModelReport& report, bool each) {
  if (report.files().empty()) return "";
  std::string text = "Weights\n";
  for (const auto& file : report.files()) {
    const std::string& path = file->path();
    text += Line("file",
                 Printable(path.substr(path.rfind('/') + 1)) + ", " + Bytes(file->bytes().size()));
  }
  if (!report.packed) {
    for (const auto& [key, value] : report.checkpoint.metadata())
      text += Line("metadata", QuoteForMessage(key) + ": " + QuoteForMessage(value));
  }
  text += Line("tensors", Grouped(report.tensors().size()));
  // A packed file also holds scales, padding and the tokenizer's tables.
  if (!report.packed)
    text += Line("parameters", Grouped(report.parameters) + ", " + Bytes(report.tensor_bytes));
  return text + "\n" + TensorTable(report, each) + "\n";
}

std::string PackedText(const ModelReport& report) {
  const PackedHeader& header = report.packed->header();
  std::string text = "Packed\n";
  text += Line("model", Printable(header.model_id));
  text += Line("by", Printable(header.packed_by) + ", format " + std::to_string(header.version));
  text += Line("precision",
               Printable(header.dtype) + ", " + Printable(header.embedding_dtype) + " embeddings");
  if (header.quality) {
    char quality[128];
    std::snprintf(quality, sizeof quality, "cosine to fp32 mean %.5f, min %.5f over %d texts",
                  header.quality->cosine_mean, header.quality->cosine_min, header.quality->texts);
    text += Line("quality",
                 quality + (header.quality->same_label
                                ? ", same label " + std::to_string(*header.quality->same_label)
                                : std::string()));
  }
  if (report.verified) text += Line("checksum", "verified");
  return text + "\n";
}

std::string OnnxText(const OnnxReport& onnx) {
  std::string text = "ONNX\n";
  text += Line("file", Printable(onnx.path));
  text += Line("producer", Printable(onnx.producer));
  text += Line("version",
               "opset " + std::to_string(onnx.opset) + ", IR " + std::to_string(onnx.ir_version));
  text += Line("graph",
               GroupedPlural(onnx.nodes, "node") + ", " + GroupedPlural(onnx.tensors, "tensor"));
  text +=
      Line("understood", onnx.source ? std::string("by ") + onnx.source->understood_by() + ", " +
                                           Grouped(onnx.source->tensors().size()) + " weights"
                                     : "no");
  return text + "\n";
}

std::string VerdictText(const ModelReport& report) {
  std::string text;
  for (const std::string& note : report.notes) text += "Note: " + note + "\n";
  if (!report.notes.empty()) text += "\n";
  if (report.problems.empty()) return text + (report.model ? "Served: yes\n" : "Readable: yes\n");
  text += report.model ? "Served: no, for " : "Readable: no, for ";
  text += GroupedPlural(report.problems.size(), "problem") + "\n";
  for (const Error& problem : report.problems) {
    text += "  " + std::string(CodeName(problem.code)) + ": " + problem.message + "\n";
  }
  return text;
}

std::string Text(const ModelReport& report, const InspectOptions& options) {
  std::string text = Printable(report.path) + "\n\n";
  if (report.packed) text += PackedText(report);
  if (report.onnx) text += OnnxText(*report.onnx);
  const bool makes_text = report.kind == ModelKind::kTextToText;
  if (report.t5) {
    text += T5Text(*report.t5, makes_text);
  } else if (report.config) {
    text += ModelText(*report.config);
  }
  if (report.image) text += ImageText(*report.image);
  if (report.text_to_text) text += TextToTextText(*report.text_to_text);
  const bool classifier = report.kind != ModelKind::kEmbedding;
  if (report.layout && report.config && !makes_text)
    text += classifier ? ClassifierText(report) : SentenceText(report);
  if (report.tokenizer) {
    text += "Tokenizer\n" + Line("type", report.tokenizer->type) +
            Line("vocabulary", GroupedPlural(report.tokenizer->vocab_size, "token")) + "\n";
  }
  return text + WeightsText(report, options.tensors) + VerdictText(report);
}

int RunInspect(const InspectOptions& options) {
  const auto report = ExamineModel(options.path, options.verify);
  if (!report.ok()) return Fail(report.error());
  Output output;
  output.Write(options.json ? ReportJson(*report, options.tensors) : Text(*report, options));
  const int written = ExitCode(output.Finish());
  return report->problems.empty() ? written : kExitFailed;
}

}  // namespace

void AddInspectCommand(Command app) {
  Command command =
      app.AddCommand("inspect", "Show what is in a model, and why it would be refused");
  auto options = std::make_shared<InspectOptions>();
  command.AddOption("path", options->path,
                    "Model directory, packed file, .onnx or .safetensors file, or "
                    "builtin:language-detector; a bundled program has its own");
  command.AddFlag("--verify", options->verify, "Compare a packed file's checksum (reads it all)");
  command.AddFlag("--tensors", options->tensors, "Every tensor, not one line for all layers");
  command.AddFlag("--json", options->json, "One JSON object instead of text");
  command.Footer("Exit code 1 when the model would be refused; every reason is listed.");
  command.OnChosen([options] {
    if (options->path.empty() && !HasBundledModel()) RequireArgument("path");
    return RunInspect(*options);
  });
}

}  // namespace minnow
