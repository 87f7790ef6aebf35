// SPDX-License-Identifier: Apache-2.0
// minnow ner: the named entities of texts, as a stream: memory does not grow with the input.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/tokens/token_json.h"
#include "base/cpu.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/embed_stream.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/text_input.h"
#include "cli/tokens/token_stream.h"
#include "formats/json.h"
#include "kernels/dispatch.h"
#include "tasks/entities.h"

namespace minnow {
namespace {

struct NerCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  std::string aggregation = "simple";
  std::vector<std::string> ignored = {"O"};
  int stride = 0;
  bool windows = false;  // --stride was given
  bool json_input = false;
  bool input_ids = false;
  bool raw_scores = false;
  std::vector<std::string> texts;
};

Result<TokenScoresRequest> ReadText(const NerCommand& command, std::string_view text) {
  TokenScoresRequest request;
  if (command.input_ids) {
    MINNOW_ASSIGN_OR_RETURN(std::vector<TokenId> ids, ParseIds(text));
    request.inputs.emplace_back(std::move(ids));
  } else {
    request.inputs.emplace_back(std::string(text));
  }
  if (command.windows) request.stride = static_cast<size_t>(command.stride);
  return request;
}

// An array for each token.
void WriteRaw(std::span<const float> scores, size_t labels, JsonWriter& json) {
  json.BeginArray();
  for (size_t at = 0; at < scores.size(); at += labels) json.Floats(scores.subspan(at, labels));
  json.EndArray();
}

// One JSON array a text.
void WriteLine(const NerCommand& command, const TokenHeadModel& model,
               const TokenScoresAnswer& answer, std::string& line) {
  JsonWriter json(&line);
  if (command.raw_scores) {
    WriteRaw(answer.scores, model.labels().size(), json);
  } else {
    const EntityOptions options = {.aggregation = *ParseAggregation(command.aggregation),
                                   .ignore_labels = command.ignored};
    api::WriteEntities(FindEntities(model.tokenizer(), model.labels(), answer.texts.front(),
                                    answer.scores, options),
                       options.aggregation, json);
  }
  line += '\n';
}

Status Ner(const NerCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          TokenHeadModel::Load(source, ModelKind::kTokenClassification, precision));
  if (static_cast<size_t>(command.stride) >= model->max_tokens()) {
    return Error{Code::kInvalidArgument, "--stride: expected less than the " +
                                             std::to_string(model->max_tokens()) +
                                             " tokens that the model reads"};
  }
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(command.texts, command.json_input);
  TokenStream stream(*model, &pool);
  if (command.texts.empty()) TellIfTerminal();
  Output output;
  TextProgress progress;
  std::string line;
  const Status read = stream.Run(
      input, [&](std::string_view text) { return ReadText(command, text); },
      [&](const TokenScoresAnswer& answer, bool waiting) {
        progress.Show(input.texts());
        line.clear();
        WriteLine(command, *model, answer, line);
        output.Write(line);
        if (waiting) output.Flush();
        return output.wanted();
      });
  MINNOW_RETURN_IF_ERROR(output.Finish());
  TellTruncated(stream.truncated(), stream.longest(), input.texts(), model->max_tokens());
  return read;
}

}  // namespace

void AddNerCommand(Command app) {
  Command ner = app.AddCommand("ner", "Print the named entities of texts");
  auto command = std::make_shared<NerCommand>();
  AddModelOption(ner, command->model);
  AddDtypeOption(ner, command->dtype);
  AddThreadsOption(ner, command->threads);
  ner.AddOption("--aggregation-strategy", command->aggregation,
                "How tokens become entities: not at all, by their own labels, or with one label "
                "for each word")
      .OneOf({kAggregationNames.begin(), kAggregationNames.end()});
  ner.AddOption("--ignore-label", command->ignored, "Label that is not printed; repeatable")
      .OneValueEach();
  Option stride =
      ner.AddOption(
             "--stride", command->stride,
             "Read long texts in windows that share so many tokens; without it, they are cut")
          .Range(0, 1 << 20);
  ner.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  Option input_ids =
      ner.AddFlag("--input-ids", command->input_ids,
                  "Each text is a JSON array of token ids, special tokens included; needs "
                  "--raw-scores");
  Option raw_scores = ner.AddFlag("--raw-scores", command->raw_scores,
                                  "Print the model's own outputs, an array of numbers in label "
                                  "order for each token");
  ner.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  ner.Footer(
      "Prints "
      "[{\"entity_group\":\"PER\",\"score\":0.99,\"word\":\"Ada\",\"start\":0,\"end\":3},...]\n"
      "for each text, a line each. Offsets count Unicode code points of the text. Strategies are\n"
      "those of transformers' token classification pipeline. Texts longer than the model's limit\n"
      "are cut, and standard error says how many; with --stride they are read to their end.\n\n"
      "Examples:\n"
      "  minnow ner --model DIR \"Ada Lovelace lived in London\"\n"
      "  minnow ner --model DIR --aggregation-strategy first < lines.txt > entities.jsonl\n"
      "  echo '[101, 7592, 102]' | minnow ner --model DIR --input-ids --raw-scores");
  ner.OnChosen([command, stride, input_ids, raw_scores] {
    RequireModel(command->model);
    if (input_ids.given() && !raw_scores.given())
      RefuseArgument("--input-ids", "entities need a text: give --raw-scores too");
    if (stride.given() && command->aggregation == "none")
      RefuseArgument("--stride",
                     "windows are merged by entities: not with --aggregation-strategy none");
    command->windows = stride.given();
    return ExitCode(Ner(*command));
  });
}

}  // namespace minnow
