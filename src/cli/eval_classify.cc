// SPDX-License-Identifier: Apache-2.0
// minnow eval classify: how often a classifier's best label is the right one.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/cpu.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/embed_stream.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "formats/json.h"
#include "kernels/dispatch.h"
#include "tasks/classify.h"

namespace minnow {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 28;

struct EvalClassifyCommand {
  std::string file;
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  bool json = false;
};

struct LabelledTexts {
  std::vector<uint32_t> labels;  // indexes of the model's
  std::vector<std::string> texts;
};

struct LabelCount {
  size_t texts = 0;
  size_t right = 0;
};

std::string Percent(size_t part, size_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%",
                100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

// Lines of label TAB text; fails with kCorrupt, naming the line.
Result<LabelledTexts> ReadLabelledTexts(const std::string& path,
                                        const std::vector<std::string>& labels) {
  MINNOW_ASSIGN_OR_RETURN(const std::string file, ReadSmallFile(path, kMaxFileBytes));
  std::unordered_map<std::string_view, uint32_t> numbers;
  for (size_t i = 0; i < labels.size(); ++i) numbers.emplace(labels[i], static_cast<uint32_t>(i));
  LabelledTexts read;
  size_t number = 0;
  for (std::string_view rest = file; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::string where = path + ": line " + std::to_string(number) + ": ";
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) {
      return Error{Code::kCorrupt, where + "no tab between label and text"};
    }
    const auto found = numbers.find(line.substr(0, tab));
    if (found == numbers.end()) {
      return Error{Code::kCorrupt, where + "label " + QuoteForMessage(line.substr(0, tab)) +
                                       " is not one of the model's " +
                                       std::to_string(labels.size())};
    }
    read.labels.push_back(found->second);
    read.texts.emplace_back(line.substr(tab + 1));
  }
  if (read.texts.empty()) return Error{Code::kCorrupt, path + ": no texts"};
  return read;
}

// The mean over labels of the share that is right: a label with few texts counts like the others.
double MacroAccuracy(std::span<const LabelCount> counts) {
  double sum = 0;
  size_t labels = 0;
  for (const LabelCount& count : counts) {
    if (count.texts == 0) continue;
    sum += static_cast<double>(count.right) / static_cast<double>(count.texts);
    ++labels;
  }
  return sum / static_cast<double>(labels);
}

std::string ReportText(const std::vector<std::string>& labels, std::span<const LabelCount> counts,
                       const LabelCount& all) {
  std::string text;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (counts[i].texts == 0) continue;
    text += ForTerminal(labels[i]) + "\t" + Percent(counts[i].right, counts[i].texts) + " of " +
            std::to_string(counts[i].texts) + "\n";
  }
  char macro[32];
  std::snprintf(macro, sizeof macro, "%.2f %%", 100 * MacroAccuracy(counts));
  return text + "accuracy " + Percent(all.right, all.texts) + ", macro " + macro + " over " +
         Plural(all.texts, "text") + "\n";
}

std::string ReportJson(const std::vector<std::string>& labels, std::span<const LabelCount> counts,
                       const LabelCount& all) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("texts");
  json.Uint(all.texts);
  json.Key("accuracy");
  json.Double(static_cast<double>(all.right) / static_cast<double>(all.texts));
  json.Key("macro_accuracy");
  json.Double(MacroAccuracy(counts));
  json.Key("labels");
  json.BeginObject();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (counts[i].texts == 0) continue;
    json.Key(labels[i]);
    json.BeginObject();
    json.Key("texts");
    json.Uint(counts[i].texts);
    json.Key("right");
    json.Uint(counts[i].right);
    json.EndObject();
  }
  json.EndObject();
  json.EndObject();
  return text + "\n";
}

Status EvaluateClassifier(const EvalClassifyCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, ClassifyModel::Load(source, precision));
  const std::vector<std::string>& labels = model->labels();
  MINNOW_ASSIGN_OR_RETURN(LabelledTexts given, ReadLabelledTexts(command.file, labels));
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(std::move(given.texts), /*json=*/false);
  EmbedStream stream(*model, &pool);
  TextProgress progress;
  std::vector<LabelCount> counts(labels.size());
  LabelCount all;
  MINNOW_RETURN_IF_ERROR(
      stream.Run(input, /*normalize=*/false, [&](std::span<const float> scores, bool) {
        progress.Show(input.texts());
        for (size_t at = 0; at < scores.size(); at += labels.size()) {
          const uint32_t right = given.labels[all.texts++];
          const bool hit = BestFirst(scores.subspan(at, labels.size()), 1).front().label == right;
          ++counts[right].texts;
          counts[right].right += hit ? 1 : 0;
          all.right += hit ? 1 : 0;
        }
        return true;
      }));
  Output output;
  output.Write(command.json ? ReportJson(labels, counts, all) : ReportText(labels, counts, all));
  TellTruncated(stream, input.texts(), model->max_tokens());
  return output.Finish();
}

}  // namespace

void AddEvalClassifyCommand(Command eval) {
  auto command = std::make_shared<EvalClassifyCommand>();
  Command classify =
      eval.AddCommand("classify", "How often a classifier's best label is the right one");
  classify.AddOption("FILE", command->file, "Lines of label, tab, text").Required();
  AddModelOption(classify, command->model);
  AddDtypeOption(classify, command->dtype);
  AddThreadsOption(classify, command->threads);
  classify.AddFlag("--json", command->json, "One JSON object instead of text");
  classify.Footer(
      "Prints a line for each label of the file, then the accuracy over all texts and its mean\n"
      "over the labels (macro). Without --model: of the program's language detector.\n\n"
      "Example:\n"
      "  minnow eval classify test.tsv --model models/language-detector");
  classify.OnChosen([command] {
    DefaultToLanguageDetector(command->model);
    return ExitCode(EvaluateClassifier(*command));
  });
}

}  // namespace minnow
