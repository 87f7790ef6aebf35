// SPDX-License-Identifier: Apache-2.0
// minnow classify: texts to the scores of a classifier's labels, as a stream: memory does not grow
// with the input.
#include "tasks/classify.h"

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
  std::vector<std::string> texts;
};

// One JSON array a text.
void WriteScores(const ClassifyCommand& command, const ClassifyModel& model,
                 std::span<const float> raw, std::string& line) {
  JsonWriter json(&line);
  if (command.raw_scores) {
    json.Floats(raw);
  } else {
    std::vector<float> scores(raw.begin(), raw.end());
    model.ApplyScores(scores);
    json.BeginArray();
    for (const LabelScore& one : BestFirst(scores, static_cast<size_t>(command.top_k))) {
      json.BeginObject();
      json.Key("label");
      json.String(model.labels()[one.label]);
      json.Key("score");
      json.Float(one.score);
      json.EndObject();
    }
    json.EndArray();
  }
  line += '\n';
}

Status Classify(const ClassifyCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, ClassifyModel::Load(source, precision));
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(command.texts, command.json_input);
  EmbedStream stream(*model, &pool);
  if (command.input_ids) {
    stream.ReadTextsBy([&](std::string_view line) -> Result<TokenizedText> {
      MINNOW_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, ParseIds(line));
      return model->CheckIds(ids, LengthPolicy{});
    });
  }
  if (command.texts.empty()) TellIfTerminal();
  Output output;
  TextProgress progress;
  std::string line;
  const size_t labels = model->labels().size();
  const Status read =
      stream.Run(input, /*normalize=*/false, [&](std::span<const float> scores, bool waiting) {
        progress.Show(input.texts());
        for (size_t at = 0; at < scores.size(); at += labels) {
          line.clear();
          WriteScores(command, *model, scores.subspan(at, labels), line);
          output.Write(line);
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
  classify.AddFlag("--input-ids", command->input_ids,
                   "Each text is a JSON array of token ids, special tokens included");
  Option raw_scores =
      classify.AddFlag("--raw-scores", command->raw_scores,
                       "Print the model's own outputs, in label order, as an array of numbers");
  raw_scores.Excludes(top_k);
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
      "  minnow classify --model DIR --top-k 1 < lines.txt > labels.jsonl\n"
      "  echo '[101, 7592, 102]' | minnow classify --model DIR --input-ids --raw-scores");
  classify.OnChosen([command] {
    DefaultToLanguageDetector(command->model);
    return ExitCode(Classify(*command));
  });
}

}  // namespace minnow
