// SPDX-License-Identifier: Apache-2.0
// minnow fill-mask: texts with masks to the tokens that most likely stand there, as a stream:
// memory does not grow with the input.
#include "tasks/fill_mask.h"

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/classify/fill_mask_json.h"
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
#include "tasks/embedding_model.h"

namespace minnow {
namespace {

struct FillMaskCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  int top_k = kDefaultFillings;
  bool json_input = false;
  std::vector<std::string> targets;
  std::vector<std::string> texts;
};

// Texts whose hidden states are still to come, and what is made of them.
class MaskStream {
 public:
  MaskStream(const TextModel& model, MaskChoice choice, ThreadPool* pool)
      : model_(model),
        choice_(std::move(choice)),
        scorer_(model.encoder().mask_head(), &model.encoder().kernels(), pool) {}

  Result<TokenizedText> Read(std::string_view text) {
    MINNOW_ASSIGN_OR_RETURN(TokenizedText tokens, model_.Tokenize(text, LengthPolicy{}));
    MINNOW_ASSIGN_OR_RETURN(FilledText filled, FindMasks(model_, choice_, tokens));
    waiting_.push_back(std::move(filled));
    return tokens;
  }
  // hidden: [tokens of the next texts, C]. Fails where a score is no number.
  Status Write(std::span<const float> hidden, Output& output) {
    const float* const end = hidden.data() + hidden.size();
    size_t texts = 0;
    for (const float* at = hidden.data(); at < end; ++texts) {
      FilledText& text = waiting_[texts];
      AddMasks(model_, choice_, at, text, scorer_);
      at += text.ids.size() * model_.hidden_size();
    }
    scorer_.Flush();
    for (; texts > 0; --texts) {
      if (!AllFinite(waiting_.front())) return Error{Code::kInternal, kNotFinite};
      line_.clear();
      JsonWriter json(&line_);
      api::WriteFilledText(model_.tokenizer(), waiting_.front(), /*flat_if_one=*/true, json);
      line_ += '\n';
      output.Write(line_);
      waiting_.pop_front();
    }
    return {};
  }

 private:
  const TextModel& model_;
  const MaskChoice choice_;
  MaskScorer scorer_;
  std::deque<FilledText> waiting_;
  std::string line_;
};

Status FillMasks(const FillMaskCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, EmbeddingModel::Load(source, precision));
  MINNOW_RETURN_IF_ERROR(CheckFillsMasks(*model));
  MINNOW_ASSIGN_OR_RETURN(
      MaskChoice choice,
      MakeMaskChoice(*model, static_cast<size_t>(command.top_k), command.targets));
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  TextInput input(command.texts, command.json_input);
  MaskStream masks(*model, std::move(choice), &pool);
  EmbedStream stream(*model, &pool);
  stream.ReadTextsBy([&](std::string_view text) { return masks.Read(text); });
  if (command.texts.empty()) TellIfTerminal();
  Output output;
  TextProgress progress;
  Status written;
  const Status read = stream.Run(input, TextBatch::Output::kTokens,
                                 [&](std::span<const float> hidden, bool waiting) {
                                   progress.Show(input.texts());
                                   written = masks.Write(hidden, output);
                                   if (waiting) output.Flush();
                                   return written.ok() && output.wanted();
                                 });
  MINNOW_RETURN_IF_ERROR(output.Finish());
  MINNOW_RETURN_IF_ERROR(written);
  TellTruncated(stream, input.texts(), model->max_tokens());
  return read;
}

}  // namespace

void AddFillMaskCommand(Command app) {
  Command fill = app.AddCommand("fill-mask", "Print the tokens that stand for masks, with scores");
  auto command = std::make_shared<FillMaskCommand>();
  AddModelOption(fill, command->model);
  AddDtypeOption(fill, command->dtype);
  AddThreadsOption(fill, command->threads);
  fill.AddOption("--top-k", command->top_k, "Tokens to print for each mask, best first")
      .Range(1, 1 << 22);
  fill.AddOption("--target", command->targets,
                 "Only this word (its first token); may be repeated. Scores stay those among all")
      .OneValueEach();
  fill.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  fill.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  fill.Footer(
      "Prints [{\"score\":0.98,\"token\":3007,\"token_str\":\"capital\",\"sequence\":\"...\"},...] "
      "for\n"
      "each text, a line each; of a text with several masks, a list of such lists. The model is a\n"
      "masked language model (NAMEForMaskedLM), the mask what its tokenizer calls it: [MASK] or\n"
      "<mask>. A text without one ends the work.\n\n"
      "Examples:\n"
      "  minnow fill-mask --model DIR \"Paris is the [MASK] of France.\"\n"
      "  minnow fill-mask --model DIR --top-k 1 < lines.txt > words.jsonl");
  fill.OnChosen([command] {
    RequireModel(command->model);
    return ExitCode(FillMasks(*command));
  });
}

}  // namespace minnow
