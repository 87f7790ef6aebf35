// SPDX-License-Identifier: Apache-2.0
// minnow tokenize: texts to token ids, one JSON line a text. Needs the tokenizer's files only.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/text_input.h"
#include "formats/json.h"
#include "tasks/embedding_model.h"

namespace minnow {
namespace {

struct TokenizeCommand {
  std::string model;
  bool no_special = false;
  bool json_input = false;
  bool truncate = false;
  std::vector<std::string> texts;
};

void AppendEncoding(const Tokenizer& tokenizer, const Encoding& encoding, std::string& line) {
  JsonWriter json(&line);
  json.BeginObject();
  json.Key("ids");
  json.BeginArray();
  for (const TokenId id : encoding.ids) json.Int(id);
  json.EndArray();
  json.Key("tokens");
  json.BeginArray();
  for (const TokenId id : encoding.ids) json.String(tokenizer.IdToToken(id).value_or(""));
  json.EndArray();
  json.Key("offsets");
  json.BeginArray();
  for (const TokenOffset& offset : encoding.offsets) {
    json.BeginArray();
    json.Uint(offset.begin);
    json.Uint(offset.end);
    json.EndArray();
  }
  json.EndArray();
  json.EndObject();
  line += '\n';
}

Status WriteEncodings(const Tokenizer& tokenizer, const EncodeOptions& options, TextInput& input,
                      Output& output) {
  std::string line;
  while (output.wanted()) {
    if (!input.ready()) output.Flush();
    MINNOW_ASSIGN_OR_RETURN(const auto text, input.Next());
    if (!text) return {};
    line.clear();
    AppendEncoding(tokenizer, tokenizer.Encode(*text, options), line);
    output.Write(line);
  }
  return {};
}

// A sentencepiece file, which is a tokenizer and no model.
bool IsPieceFile(const std::string& path) {
  std::error_code ec;
  return path.ends_with(".model") && std::filesystem::is_regular_file(path, ec);
}

// `max_tokens`: the model's limit, where the command asks for it.
Result<std::unique_ptr<const Tokenizer>> LoadFor(const TokenizeCommand& command,
                                                 size_t& max_tokens) {
  if (IsPieceFile(command.model)) {
    if (command.truncate)
      return Error{Code::kInvalidArgument,
                   command.model + ": a sentencepiece file says no limit for --truncate"};
    return Tokenizer::LoadDirectory(command.model);
  }
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(auto tokenizer, RequireTokenizer(source));
  if (command.truncate) {
    MINNOW_ASSIGN_OR_RETURN(const EncoderConfig config, source.ReadConfig());
    max_tokens = static_cast<size_t>(MaxSequenceTokens(config, source.layout()));
  }
  return tokenizer;
}

Status Tokenize(const TokenizeCommand& command) {
  EncodeOptions options;
  options.add_special_tokens = !command.no_special;
  options.want_offsets = true;
  MINNOW_ASSIGN_OR_RETURN(const std::unique_ptr<const Tokenizer> tokenizer,
                          LoadFor(command, options.max_tokens));
  TextInput input(command.texts, command.json_input);
  Output output;
  Status read = WriteEncodings(*tokenizer, options, input, output);
  MINNOW_RETURN_IF_ERROR(output.Finish());
  return read;
}

}  // namespace

void AddTokenizeCommand(Command app) {
  Command tokenize = app.AddCommand("tokenize", "Print the token ids of texts");
  auto command = std::make_shared<TokenizeCommand>();
  AddModelOption(tokenize, command->model);
  tokenize.AddFlag("--no-special", command->no_special, "Without special tokens such as [CLS]");
  tokenize.AddFlag("--json-input", command->json_input, "Each text is a JSON string");
  tokenize.AddFlag("--truncate", command->truncate, "Cut at the model's limit, as embed does");
  tokenize.AddOption("TEXT", command->texts, "Texts; without any, the lines of standard input");
  tokenize.Footer(
      "The tokenizer's files are enough for a model directory; a sentencepiece FILE.model is one "
      "too.\n"
      "Prints {\"ids\":[...],\"tokens\":[...],\"offsets\":[[begin,end],...]} for each text; "
      "offsets\n"
      "count code points.\n\n"
      "Examples:\n"
      "  minnow tokenize --model DIR \"a sentence\"\n"
      "  minnow tokenize --model DIR --no-special < lines.txt");
  tokenize.OnChosen([command] {
    RequireModel(command->model);
    return ExitCode(Tokenize(*command));
  });
}

}  // namespace minnow
