// SPDX-License-Identifier: Apache-2.0
// minnow eval: how good a model's vectors are, and what is found by them.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/cpu.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "eval/sts.h"
#include "formats/json.h"
#include "kernels/dispatch.h"
#include "models/weights/precision.h"

namespace minnow {
namespace {

struct StsCommand {
  std::string file;
  std::string model;
  std::string dtype = "auto";
  bool json = false;
};

std::string Report(const StsCommand& command, const ModelInfo& info, size_t pairs,
                   double spearman) {
  char number[32];
  std::snprintf(number, sizeof number, "%.4f", spearman);
  if (!command.json) {
    return std::string("spearman ") + number + " over " + std::to_string(pairs) + " pairs (" +
           info.model_id + ", " + DtypeName(info.dtype) + ", " + TableTypeName(info.embedding) +
           " embeddings)\n";
  }
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("spearman");
  json.Double(spearman);
  json.Key("pairs");
  json.Uint(pairs);
  json.Key("model_id");
  json.String(info.model_id);
  json.Key("dtype");
  json.String(DtypeName(info.dtype));
  json.Key("embedding_dtype");
  json.String(TableTypeName(info.embedding));
  json.EndObject();
  return text + "\n";
}

Status EvaluateSts(const StsCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const SentencePairs read, ReadSentencePairs(command.file));
  const std::vector<SentencePair>& pairs = read.pairs;
  if (read.heading) PrintError(command.file + ": the first row is a heading, and left out");
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, EmbeddingModel::Load(source, precision));
  ThreadPool pool(Cpu().usable_cores());
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto cosines = PairCosines(*model, pairs, &pool, [&](size_t done) {
    if (terminal) std::fprintf(stderr, "\r\033[K%zu of %zu pairs", done, pairs.size());
  });
  if (terminal) std::fputs("\r\033[K", stderr);
  if (!cosines.ok()) return cosines.error();
  std::vector<double> scores;
  for (const SentencePair& pair : pairs) scores.push_back(pair.score);
  Output output;
  output.Write(Report(command, model->info(), pairs.size(), Spearman(*cosines, scores)));
  return output.Finish();
}

}  // namespace

void AddEvalCommand(Command app) {
  Command eval = app.AddCommand(
      "eval", "Measure how good a model's vectors or labels are, or searches by them");
  eval.RequireCommand();
  auto command = std::make_shared<StsCommand>();
  Command sts = eval.AddCommand(
      "sts", "Spearman's correlation of cosines with people's scores of sentence pairs");
  sts.AddOption("FILE", command->file,
                "CSV or TSV of sentence1, sentence2, score; a heading is left out")
      .Required();
  AddModelOption(sts, command->model);
  AddDtypeOption(sts, command->dtype);
  sts.AddFlag("--json", command->json, "One JSON object instead of text");
  sts.OnChosen([command] {
    RequireModel(command->model);
    return ExitCode(EvaluateSts(*command));
  });
  AddEvalIrCommand(eval);
  AddEvalClassifyCommand(eval);
}

}  // namespace minnow
