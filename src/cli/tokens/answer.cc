// SPDX-License-Identifier: Apache-2.0
// minnow answer: the parts of texts that answer questions, as a stream.
#include <memory>
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
#include "tasks/answers.h"

namespace minnow {
namespace {

constexpr int kMaxTopK = 100;
constexpr int kMaxAnswerTokens = 512;

struct AnswerCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  int top_k = 1;
  int max_answer_len = 15;
  bool impossible = false;
  bool json_input = false;
  std::string question;
  std::vector<std::string> texts;
};

Result<TextPair> ReadJsonPair(std::string_view text) {
  const auto document = JsonDocument::Parse(text, "");
  if (!document.ok()) return Error{Code::kInvalidArgument, document.error().message};
  MINNOW_ASSIGN_OR_RETURN(const JsonView pair, document->root().Object());
  MINNOW_ASSIGN_OR_RETURN(const std::string_view question, pair.GetString("question"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view context, pair.GetString("context"));
  return TextPair{std::string(question), std::string(context)};
}

Result<TextPair> ReadPair(const AnswerCommand& command, std::string_view text) {
  if (!command.question.empty()) return TextPair{command.question, std::string(text)};
  if (command.json_input) return ReadJsonPair(text);
  const size_t tab = text.find('\t');
  if (tab == text.npos)
    return Error{Code::kInvalidArgument, "no tab between a question and its context"};
  return TextPair{std::string(text.substr(0, tab)), std::string(text.substr(tab + 1))};
}

Status Answers(const AnswerCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          TokenHeadModel::Load(source, ModelKind::kQuestionAnswering, precision));
  const AnswerOptions options = {.top_k = static_cast<size_t>(command.top_k),
                                 .max_answer_len = static_cast<size_t>(command.max_answer_len),
                                 .handle_impossible_answer = command.impossible};
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  // With a question each text is a string; without one it may be an object.
  TextInput input(command.texts, command.json_input && !command.question.empty());
  TokenStream stream(*model, &pool);
  if (command.texts.empty()) TellIfTerminal();
  Output output;
  TextProgress progress;
  const auto read_request = [&](std::string_view text) -> Result<TokenScoresRequest> {
    TokenScoresRequest request;
    MINNOW_ASSIGN_OR_RETURN(TextPair pair, ReadPair(command, text));
    request.inputs.emplace_back(std::move(pair));
    SetAnswerWindows(options, model->max_tokens(), request);
    return request;
  };
  const Status read =
      stream.Run(input, read_request, [&](const TokenScoresAnswer& answer, bool waiting) {
        progress.Show(input.texts());
        std::string line;
        JsonWriter json(&line);
        api::WriteAnswers(FindAnswers(answer.texts.front(), answer.scores, options),
                          /*alone=*/false, json);
        output.Write(line + '\n');
        if (waiting) output.Flush();
        return output.wanted();
      });
  MINNOW_RETURN_IF_ERROR(output.Finish());
  return read;
}

}  // namespace

void AddAnswerCommand(Command app) {
  Command answer = app.AddCommand("answer", "Print the parts of texts that answer questions");
  auto command = std::make_shared<AnswerCommand>();
  AddModelOption(answer, command->model);
  AddDtypeOption(answer, command->dtype);
  AddThreadsOption(answer, command->threads);
  answer.AddOption("--question", command->question, "Asked of every text").NotEmpty();
  answer.AddOption("--top-k", command->top_k, "Answers to print, best first").Range(1, kMaxTopK);
  answer.AddOption("--max-answer-len", command->max_answer_len, "Tokens of the longest answer")
      .Range(1, kMaxAnswerTokens);
  answer.AddFlag("--handle-impossible-answer", command->impossible,
                 "That there is none is an answer too: an empty one");
  answer.AddFlag("--json-input", command->json_input,
                 "Each text is a JSON object with a question and a context; with --question, a "
                 "JSON string");
  answer.AddOption("TEXT", command->texts,
                   "Question, tab and context each, or with --question a context each; without "
                   "any, the lines of standard input");
  answer.Footer(
      "Prints [{\"score\":0.98,\"start\":22,\"end\":28,\"answer\":\"London\"}] for each text, a "
      "line\n"
      "each. Offsets count Unicode code points of the context. Long contexts are read in windows,\n"
      "as transformers' question answering pipeline does.\n\n"
      "Examples:\n"
      "  minnow answer --model DIR --question \"Where did Ada live?\" < passages.txt\n"
      "  printf 'Who?\\tAda Lovelace did.\\n' | minnow answer --model DIR --top-k 3");
  answer.OnChosen([command] {
    RequireModel(command->model);
    return ExitCode(Answers(*command));
  });
}

}  // namespace minnow
