// SPDX-License-Identifier: Apache-2.0
// minnow classify: texts to the scores of a classifier's labels, as a stream: memory does not grow
// with the input.
#include "tasks/classify.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/embed_stream.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/text_input.h"
#include "formats/json.h"
#include "kernels/dispatch.h"
#include "tasks/zero_shot.h"

namespace minnow {
namespace {

constexpr int kMaxTopK = 1 << 20;

struct ClassifyCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  int top_k = 0;
  bool json_input = false;
  bool input_ids = false;
  bool raw_scores = false;
  std::string labels;  // of the command line; empty: the model's own
  std::string hypothesis_template = std::string(kHypothesisTemplate);
  bool multi_label = false;
  std::vector<std::string> texts;
};

// Labels of the command line, each a sentence that a text may entail.
struct ZeroShot {
  std::vector<std::string> labels;
  std::vector<std::string> hypotheses;
  size_t entailment = 0;
};

// Without labels: the model's own will do.
Result<ZeroShot> MakeZeroShot(const ClassifyCommand& command, const ClassifyModel& model) {
  ZeroShot asked;
  if (command.labels.empty()) return asked;
  const auto entailment = FindEntailment(model.labels());
  if (!entailment || !model.has_tokenizer()) {
    return Error{Code::kUnsupported,
                 "--labels: " + model.info().model_id +
                     (entailment ? ": has no tokenizer"
                                 : ": no label of the model begins with \"entail\"; labels of the "
                                   "command line need a model for entailment (NLI)")};
  }
  asked.entailment = *entailment;
  asked.labels = SplitLabels(command.labels);
  MINNOW_ASSIGN_OR_RETURN(asked.hypotheses,
                          MakeHypotheses(command.hypothesis_template, asked.labels, "--labels"));
  return asked;
}

// One JSON array a text. raw: its scores, [N], or [labels of the command line, N].
void WriteScores(const ClassifyCommand& command, const ClassifyModel& model, const ZeroShot& asked,
                 std::span<const float> raw, std::string& line) {
  JsonWriter json(&line);
  const bool own = asked.labels.empty();
  const std::vector<std::string>& labels = own ? model.labels() : asked.labels;
  if (command.raw_scores) {
    json.Floats(raw);
  } else {
    std::vector<float> scores(raw.begin(), raw.end());
    if (own) {
      model.ApplyScores(scores);
    } else {
      scores = ZeroShotScores(raw, model.labels().size(), asked.entailment, command.multi_label);
    }
    json.BeginArray();
    for (const LabelScore& one : BestFirst(scores, static_cast<size_t>(command.top_k))) {
      json.BeginObject();
      json.Key("label");
      json.String(labels[one.label]);
      json.Key("score");
      json.Float(one.score);
      json.EndObject();
    }
    json.EndArray();
  }
  line += '\n';
}

void ReadBy(const ClassifyCommand& command, const ClassifyModel& model, const ZeroShot& asked,
            EmbedStream& stream) {
  if (command.input_ids) {
    stream.ReadTextsBy([&](std::string_view line) -> Result<TokenizedText> {
      MINNOW_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, ParseIds(line));
      return model.CheckIds(ids, LengthPolicy{});
    });
  }
  if (asked.labels.empty()) return;
  stream.ReadManyBy([&](std::string_view text) -> Result<std::vector<TokenizedText>> {
    std::vector<TokenizedText> pairs;
    for (const std::string& hypothesis : asked.hypotheses) {
      MINNOW_ASSIGN_OR_RETURN(TokenizedText pair,
                              model.TokenizePair(text, hypothesis, {.first_only = true}));
      pairs.push_back(std::move(pair));
    }
    return pairs;
  });
}

Status Classify(const ClassifyCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, ClassifyModel::Load(source, precision));
  MINNOW_ASSIGN_OR_RETURN(const ZeroShot asked, MakeZeroShot(command, *model));
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(command.texts, command.json_input);
  EmbedStream stream(*model, &pool);
  ReadBy(command, *model, asked, stream);
  if (command.texts.empty()) TellIfTerminal();
  Output output;
  TextProgress progress;
  std::string line;
  // Of one text; those of its pairs may come in two batches.
  const size_t numbers = model->labels().size() * std::max<size_t>(asked.labels.size(), 1);
  std::vector<float> raw;
  const Status read =
      stream.Run(input, /*normalize=*/false, [&](std::span<const float> scores, bool waiting) {
        progress.Show(input.texts());
        while (!scores.empty()) {
          const size_t some = std::min(scores.size(), numbers - raw.size());
          raw.insert(raw.end(), scores.begin(), scores.begin() + static_cast<ptrdiff_t>(some));
          scores = scores.subspan(some);
          if (raw.size() < numbers) break;
          line.clear();
          WriteScores(command, *model, asked, raw, line);
          output.Write(line);
          raw.clear();
        }
        if (waiting) output.Flush();
        return output.wanted();
      });
  MINNOW_RETURN_IF_ERROR(output.Finish());
  TellTruncated(stream, input.texts(), model->max_tokens());
  return read;
}

}  // namespace

void AddClassifyCommand(Command app) {
  Command classify = app.AddCommand("classify", "Print the labels of texts, with scores");
  auto command = std::make_shared<ClassifyCommand>();
  AddModelOption(classify, command->model);
  AddDtypeOption(classify, command->dtype);
  AddThreadsOption(classify, command->threads);
  Option top_k =
      classify.AddOption("--top-k", command->top_k, "Labels to print, best first; 0: all")
          .Range(0, kMaxTopK);
  classify.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  Option input_ids =
      classify.AddFlag("--input-ids", command->input_ids,
                       "Each text is a JSON array of token ids, special tokens included");
  Option raw_scores =
      classify.AddFlag("--raw-scores", command->raw_scores,
                       "Print the model's own outputs, in label order, as an array of numbers");
  raw_scores.Excludes(top_k);
  Option labels = classify.AddOption("--labels", command->labels,
                                     "Labels instead of the model's, between commas: for a model "
                                     "that tells entailment (NLI)");
  labels.NotEmpty();
  labels.Excludes(input_ids);
  labels.Excludes(raw_scores);
  classify
      .AddOption("--hypothesis-template", command->hypothesis_template,
                 "The sentence that a label of --labels stands for, with {} for the label")
      .Needs(labels);
  classify
      .AddFlag("--multi-label", command->multi_label,
               "Each label of --labels by itself: scores do not add up to 1")
      .Needs(labels);
  classify.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  classify.Footer(
      "Prints [{\"label\":\"it\",\"score\":0.99},...] for each text, a line each. 'minnow "
      "inspect'\n"
      "lists the labels. Scores add up to 1 where the model's classes exclude each other; each\n"
      "stands by itself for problem_type multi_label_classification. A model without tokenizer\n"
      "files takes --input-ids only. Texts longer than the model's limit are cut, and standard\n"
      "error says how many. Without --model: the language of texts, of 20, by the detector that\n"
      "the program carries (builtin:language-detector).\n\n"
      "Examples:\n"
      "  minnow classify \"Buongiorno a tutti\"\n"
      "  minnow classify --model DIR \"a text\"\n"
      "  minnow classify --model NLI-DIR --labels \"sport, politics\" \"The final was close.\"\n"
      "  minnow classify --model DIR --top-k 1 < lines.txt > labels.jsonl\n"
      "  echo '[101, 7592, 102]' | minnow classify --model DIR --input-ids --raw-scores");
  classify.OnChosen([command] {
    // Labels of one's own need a model for entailment.
    if (command->labels.empty()) DefaultToLanguageDetector(command->model);
    RequireModel(command->model);
    return ExitCode(Classify(*command));
  });
}

}  // namespace minnow
