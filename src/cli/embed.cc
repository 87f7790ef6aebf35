// SPDX-License-Identifier: Apache-2.0
// minnow embed: texts to vectors on standard output, as a stream: memory does not grow with the
// input.
#include <algorithm>
#include <bit>
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
#include "tasks/embedding_model.h"

namespace minnow {
namespace {

// A thread that has less text than this to work on costs more than it brings.
constexpr size_t kBytesPerThread = 32;

struct EmbedCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  bool normalize = true;
  std::string output = "json";
  bool json_input = false;
  std::string prompt_name;
  std::string prompt;
  bool prompt_given = false;
  std::vector<std::string> texts;
};

int Threads(const EmbedCommand& command) {
  if (command.threads > 0) return command.threads;
  const int cores = Cpu().usable_cores();
  if (command.texts.empty()) return cores;
  size_t bytes = 0;
  for (const std::string& text : command.texts) bytes += text.size();
  return static_cast<int>(std::min(static_cast<size_t>(cores), bytes / kBytesPerThread + 1));
}

// Writes vectors as the command line asks for them.
class VectorWriter {
 public:
  VectorWriter(const EmbedCommand& command, size_t embedding_size)
      : raw_(command.output == "f32"), size_(embedding_size) {}

  // False once nobody reads any more.
  bool Write(std::span<const float> vectors, bool waiting) {
    if (raw_) {
      static_assert(std::endian::native == std::endian::little);
      output_.Write({reinterpret_cast<const char*>(vectors.data()), vectors.size_bytes()});
    } else {
      for (size_t begin = 0; begin < vectors.size(); begin += size_) {
        line_.clear();
        JsonWriter(&line_).Floats(vectors.subspan(begin, size_));
        line_ += '\n';
        output_.Write(line_);
      }
    }
    if (waiting) output_.Flush();
    return output_.wanted();
  }
  Status Finish() { return output_.Finish(); }

 private:
  const bool raw_;
  const size_t size_;
  Output output_;
  std::string line_;
};

PromptChoice ChoosePrompt(const EmbedCommand& command) {
  if (command.prompt_given) return {PromptChoice::Kind::kText, command.prompt};
  if (!command.prompt_name.empty()) return {PromptChoice::Kind::kNamed, command.prompt_name};
  return {};
}

Status EmbedTexts(const EmbedCommand& command, const EmbeddingModel& model) {
  auto prompt = model.MakePrompt(ChoosePrompt(command));
  if (!prompt.ok()) return std::move(prompt).error();
  ThreadPool pool(Threads(command));
  TextInput input(command.texts, command.json_input);
  EmbedStream stream(model, &pool);
  stream.ReadTextsBy(
      [&](std::string_view text) { return model.Tokenize(text, LengthPolicy{}, *prompt); });
  VectorWriter writer(command, model.embedding_size());
  TextProgress progress;
  if (command.texts.empty()) TellIfTerminal();
  const Status read =
      stream.Run(input, command.normalize, [&](std::span<const float> vectors, bool waiting) {
        progress.Show(input.texts());
        return writer.Write(vectors, waiting);
      });
  MINNOW_RETURN_IF_ERROR(writer.Finish());
  TellTruncated(stream, input.texts(), model.max_tokens());
  return read;
}

Status Embed(const EmbedCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const std::unique_ptr<EmbeddingModel> model,
                          EmbeddingModel::Load(source, precision));
  return EmbedTexts(command, *model);
}

}  // namespace

void AddEmbedCommand(Command app) {
  Command embed = app.AddCommand("embed", "Print the vectors of texts");
  auto command = std::make_shared<EmbedCommand>();
  AddModelOption(embed, command->model);
  AddDtypeOption(embed, command->dtype);
  AddThreadsOption(embed, command->threads);
  embed.AddOption("--normalize", command->normalize, "Vectors of length 1 (true or false)");
  embed.AddOption("--output", command->output, "json: an array a line; f32: raw little-endian rows")
      .OneOf({"json", "f32"});
  embed.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  Option name = embed.AddOption("--prompt-name", command->prompt_name,
                                "The model's prompt of that name before each text; default: the "
                                "model's default prompt, if it has one");
  Option prompt = embed.AddOption("--prompt", command->prompt,
                                  "This before each text; \"\": nothing, not the default prompt");
  prompt.Excludes(name);
  embed.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  embed.Footer(
      "Texts longer than the model's limit are cut, and standard error says how many.\n"
      "A text that starts with a dash goes after --.\n\n"
      "Examples:\n"
      "  minnow embed --model DIR \"a sentence\" \"another\"\n"
      "  minnow embed --model DIR --output f32 < lines.txt > vectors.f32\n"
      "  minnow embed --model DIR --prompt-name query \"what do minnows eat\"\n"
      "  jq .text documents.jsonl | minnow embed --model DIR --json-input");
  embed.OnChosen([command, prompt] {
    RequireModel(command->model);
    command->prompt_given = prompt.given();
    return ExitCode(Embed(*command));
  });
}

}  // namespace minnow
