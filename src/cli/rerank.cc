// SPDX-License-Identifier: Apache-2.0
// minnow rerank: the lines that answer a query best, first, by a cross-encoder.
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
#include "tasks/classify.h"

namespace minnow {
namespace {

struct RerankCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  int top_n = 0;
  bool json_input = false;
  bool raw_scores = false;
  std::string query;
  std::vector<std::string> texts;
};

// Best first, equal ones in the order of the input.
void WriteRanked(const RerankCommand& command, const std::vector<std::string>& texts,
                 std::span<const float> scores, Output& output) {
  std::vector<LabelScore> ranked = BestFirst(scores, static_cast<size_t>(command.top_n));
  std::string line;
  for (LabelScore& one : ranked) {
    if (!command.raw_scores) ApplyScoreFunction(ScoreFunction::kSigmoid, {&one.score, 1});
    line.clear();
    JsonWriter json(&line);
    json.BeginObject();
    json.Key("index");
    json.Uint(one.label);
    json.Key("score");
    json.Float(one.score);
    json.Key("text");
    json.String(texts[one.label]);
    json.EndObject();
    line += '\n';
    output.Write(line);
  }
}

Status Rerank(const RerankCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, ClassifyModel::Load(source, precision));
  MINNOW_RETURN_IF_ERROR(CheckReranker(*model, source.name()));
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(command.texts, command.json_input);
  EmbedStream stream(*model, &pool);
  std::vector<std::string> texts;
  stream.ReadTextsBy([&](std::string_view text) {
    texts.emplace_back(text);
    return model->TokenizePair(command.query, text, LengthPolicy{});
  });
  if (command.texts.empty()) TellIfTerminal();
  TextProgress progress;
  std::vector<float> scores;
  const Status read =
      stream.Run(input, /*normalize=*/false, [&](std::span<const float> some, bool) {
        progress.Show(input.texts());
        scores.insert(scores.end(), some.begin(), some.end());
        return true;
      });
  // Half a ranking would look like a whole one.
  if (!read.ok()) return read;
  Output output;
  WriteRanked(command, texts, scores, output);
  MINNOW_RETURN_IF_ERROR(output.Finish());
  TellTruncated(stream, input.texts(), model->max_tokens());
  return {};
}

}  // namespace

void AddRerankCommand(Command app) {
  Command rerank = app.AddCommand("rerank", "Order texts by how well they answer a query");
  auto command = std::make_shared<RerankCommand>();
  AddModelOption(rerank, command->model);
  AddDtypeOption(rerank, command->dtype);
  AddThreadsOption(rerank, command->threads);
  rerank.AddOption("--top-n", command->top_n, "Texts to print, best first; 0: all")
      .Range(0, 1 << 30);
  rerank.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  rerank.AddFlag("--raw-scores", command->raw_scores,
                 "Print the model's own outputs, not their sigmoid");
  rerank.AddOption("QUERY", command->query, "What the texts are to answer").Required();
  rerank.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  rerank.Footer(
      "Prints {\"index\":3,\"score\":0.98,\"text\":\"...\"} for each text, a line each, best "
      "first.\n"
      "The model is a cross-encoder: a sequence classifier with one label over pairs of texts.\n"
      "All texts are held until the last one is read.\n\n"
      "Example:\n"
      "  minnow rerank --model DIR --top-n 5 \"how do I drain a node?\" < passages.txt");
  rerank.OnChosen([command] {
    RequireModel(command->model);
    return ExitCode(Rerank(*command));
  });
}

}  // namespace minnow
