// SPDX-License-Identifier: Apache-2.0
// minnow generate: texts to the texts that a model makes of them, as a stream: memory does not grow
// with the input.
#include "tasks/generate/generate.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/embed_stream.h"
#include "cli/generate/request_options.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/text_input.h"
#include "formats/json.h"
#include "generation/search.h"
#include "kernels/dispatch.h"
#include "tasks/generate/stream.h"

namespace minnow {
namespace {

// Texts that share the steps of the decoder: more are hardly faster, and take memory.
constexpr size_t kSideBySide = 16;

// A text is a line: what would break it is a space.
std::string OnOneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

void WriteIds(const std::vector<TokenId>& ids, JsonWriter& json) {
  json.BeginArray();
  for (const TokenId id : ids) json.Int(id);
  json.EndArray();
}

void WriteText(const GeneratedText& text, JsonWriter& json) {
  json.BeginObject();
  json.Key("text");
  json.String(text.text);
  json.Key("ids");
  WriteIds(text.ids, json);
  json.Key("score");
  json.Float(text.score);
  json.Key("finish_reason");
  json.String(FinishReasonName(text.finish_reason));
  json.EndObject();
}

// {"ids": [...], "score": ...}, as transformers returns them: of several sequences all are as long
// as the longest.
void WriteSequences(const GenerateAnswer& answer, JsonWriter& json) {
  std::vector<GeneratedSequence> sequences;
  for (const GeneratedText& text : answer.inputs.front().sequences)
    sequences.push_back({.ids = text.ids, .score = text.score});
  FillSequences(answer.settings, &sequences);
  json.BeginObject();
  json.Key("ids");
  WriteIds(sequences.front().ids, json);
  json.Key("score");
  json.Float(sequences.front().score);
  if (answer.settings.num_return_sequences > 1) {
    json.Key("sequences");
    json.BeginArray();
    for (const GeneratedSequence& sequence : sequences) WriteIds(sequence.ids, json);
    json.EndArray();
  }
  json.EndObject();
}

std::string Lines(const GenerateCommand& command, const GenerateAnswer& answer) {
  std::string lines;
  if (command.input_ids) {
    JsonWriter json(&lines);
    WriteSequences(answer, json);
    return lines + '\n';
  }
  for (const GeneratedText& text : answer.inputs.front().sequences) {
    if (command.json) {
      JsonWriter json(&lines);
      WriteText(text, json);
    } else {
      lines += OnOneLine(text.text);
    }
    lines += '\n';
  }
  return lines;
}

// The lines of the input.
class LineSource : public GenerateSource {
 public:
  using Read = std::function<Result<GenerateRequest>(std::string_view line)>;
  LineSource(TextInput* input, Read read) : input_(*input), read_(std::move(read)) {}

  Result<std::optional<GenerateRequest>> Next() override {
    MINNOW_ASSIGN_OR_RETURN(const std::optional<std::string_view> line, input_.Next());
    if (!line) return std::optional<GenerateRequest>();
    Result<GenerateRequest> request = read_(*line);
    if (!request.ok()) return Annotate(std::move(request).error(), Where());
    return std::optional<GenerateRequest>(std::move(request).value());
  }
  bool ready() const override { return input_.ready(); }
  std::string Where() const override { return input_.Where(); }

 private:
  TextInput& input_;
  const Read read_;
};

Status Generate(const GenerateCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, GenerateModel::Load(source, precision));
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(command.texts, command.json_input);
  GenerateStream stream(*model, &pool, command.stream ? 1 : kSideBySide);
  if (command.texts.empty()) TellIfTerminal();
  Output output;
  TextProgress progress;
  LineSource lines(&input, [&](std::string_view line) -> Result<GenerateRequest> {
    MINNOW_ASSIGN_OR_RETURN(GenerateRequest request, ReadGenerateRequest(command, line));
    if (command.stream) {
      request.on_piece = [&output](const GeneratedPiece& piece) {
        output.Write(OnOneLine(piece.text));
        output.Flush();
      };
    }
    return request;
  });
  size_t texts = 0;
  const Status status = stream.Run(lines, [&](const GenerateAnswer& answer, bool waiting) {
    if (!command.stream) progress.Show(++texts);
    output.Write(command.stream ? "\n" : Lines(command, answer));
    if (waiting || command.stream) output.Flush();
    return output.wanted();
  });
  MINNOW_RETURN_IF_ERROR(output.Finish());
  return status;
}

constexpr char kFooter[] =
    "Prints a line for each text, in their order; with --json an object with the text, its token\n"
    "ids, its score and why it ended. What is not given is as the model's files say; a task is "
    "one\n"
    "of task_specific_params in its config.json, with a prefix and settings of its own. A text\n"
    "that is longer than the model reads ends the work, or is cut with --truncate.\n\n"
    "With --input-ids each text is an object: \"input_ids\" and parameters by transformers' names\n"
    "(max_new_tokens, num_beams, ...), and so is what is printed: "
    "{\"ids\":[0,...],\"score\":-1.2}.\n\n"
    "Examples:\n"
    "  minnow generate --model DIR --task summarization < articles.txt > summaries.txt\n"
    "  minnow generate --model DIR --beams 4 \"translate English to German: Good morning\"\n"
    "  minnow generate --model DIR --stream --temperature 0.8 --seed 1 \"Tell me a story\"\n"
    "  echo '{\"input_ids\":[13959,1566,12,2968,1],\"num_beams\":4}' |\n"
    "    minnow generate --model DIR --input-ids --json";

}  // namespace

void AddGenerateCommand(Command app) {
  Command generate = app.AddCommand("generate", "Print what a text-to-text model makes of texts");
  auto command = std::make_shared<GenerateCommand>();
  AddModelOption(generate, command->model);
  AddDtypeOption(generate, command->dtype);
  AddThreadsOption(generate, command->threads);
  generate.AddOption("--task", command->task,
                     "A task of the model's: summarization, translation_en_to_de, ...");
  const auto finish = AddGenerationOptions(generate, command);
  generate.AddOption("--stop", command->stop, "A text ends before this string; repeatable")
      .OneValueEach();
  generate
      .AddOption("--truncate", command->truncate,
                 "Whether and where a text is cut that is longer than the model reads")
      .OneOf({"no", "keep-beginning", "keep-end"});
  generate.AddFlag("--skip-special-tokens", command->skip_special,
                   "Leave out all special tokens, <extra_id_0> and its like too");
  Option clean_up = generate.AddFlag("--clean-up-spaces", command->clean_up,
                                     "Leave out spaces before . ? ! , and n't 'm 's 've 're");
  Option stream = generate.AddFlag("--stream", command->stream,
                                   "Print each text as it grows, one after the other");
  Option json = generate.AddFlag("--json", command->json, "Print an object for each text");
  Option json_input =
      generate.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  Option input_ids = generate.AddFlag("--input-ids", command->input_ids,
                                      "Each text is an object with token ids; needs --json");
  generate.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  stream.Excludes(json).Excludes(clean_up);
  input_ids.Needs(json).Excludes(json_input);
  generate.Footer(kFooter);
  generate.OnChosen([command, finish] {
    RequireModel(command->model);
    finish();
    return ExitCode(Generate(*command));
  });
}

}  // namespace minnow
