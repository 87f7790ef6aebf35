// SPDX-License-Identifier: Apache-2.0
// minnow eval ir: how well documents are found, by people's judgements.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/temporary_folder.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "eval/evaluation.h"
#include "formats/json.h"
#include "index/store/store.h"
#include "kernels/dispatch.h"
#include "models/weights/precision.h"

namespace minnow {
namespace {

struct IrCommand {
  std::vector<std::string> collection;
  std::string model;
  std::string dtype = "auto";
  double semantic_ratio = 0.5;
  bool approximate = false;
  bool json = false;
};

std::string JsonReport(const TestCollection& collection, const ModelInfo& info,
                       const RetrievalReport& report) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("documents");
  json.Uint(collection.documents.size());
  json.Key("chunks");
  json.Uint(report.chunks);
  json.Key("queries");
  json.Uint(collection.queries.size());
  json.Key("model_id");
  json.String(info.model_id);
  json.Key("dtype");
  json.String(DtypeName(info.dtype));
  json.Key("modes");
  json.BeginArray();
  for (const RetrievalScores& mode : report.modes) {
    json.BeginObject();
    json.Key("mode");
    json.String(mode.mode);
    json.Key("semantic_ratio");
    json.Double(mode.semantic_ratio);
    json.Key("ndcg_at_10");
    json.Double(mode.ndcg);
    json.Key("recall_at_100");
    json.Double(mode.recall);
    json.Key("search_ms");
    json.Double(mode.search_ms);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return text + "\n";
}

std::string TextReport(const TestCollection& collection, const ModelInfo& info,
                       const RetrievalReport& report) {
  std::string text = std::to_string(collection.documents.size()) + " documents (" +
                     std::to_string(report.chunks) + " passages), " +
                     std::to_string(collection.queries.size()) + " queries";
  if (collection.unjudged_queries > 0) {
    text += " (" + std::to_string(collection.unjudged_queries) + " more without judgements)";
  }
  text += "; " + info.model_id + ", " + DtypeName(info.dtype) + "\n";
  char line[128];
  std::snprintf(line, sizeof line, "%-10s %8s %11s %10s\n", "mode", "nDCG@10", "recall@100",
                "ms/search");
  text += line;
  for (const RetrievalScores& mode : report.modes) {
    std::snprintf(line, sizeof line, "%-10s %8.4f %11.4f %10.2f\n", mode.mode.c_str(), mode.ndcg,
                  mode.recall, mode.search_ms);
    text += line;
  }
  return text;
}

Status EvaluateIr(const IrCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const TestCollection collection, ReadCollection(command.collection));
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, EmbeddingModel::Load(source, precision));
  MINNOW_ASSIGN_OR_RETURN(const auto folder, TemporaryFolder::Make());
  MINNOW_ASSIGN_OR_RETURN(const auto store, Store::Open(folder->path() + "/eval.db", {}));
  MINNOW_ASSIGN_OR_RETURN(const auto index, store->CreateIndex("eval", {}));
  ThreadPool pool(Cpu().usable_cores());
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  RetrievalOptions options;
  options.semantic_ratio = command.semantic_ratio;
  options.exact = !command.approximate;
  const auto report =
      EvaluateRetrieval(*index, source, *model, collection, options, &pool,
                        [&](const char* what, size_t done, size_t total) {
                          if (terminal)
                            std::fprintf(stderr, "\r\033[K%zu of %zu %s", done, total, what);
                        });
  if (terminal) std::fputs("\r\033[K", stderr);
  if (!report.ok()) return report.error();
  const ModelInfo& info = model->info();
  Output output;
  output.Write(command.json ? JsonReport(collection, info, *report)
                            : TextReport(collection, info, *report));
  return output.Finish();
}

}  // namespace

void AddEvalIrCommand(Command eval) {
  auto command = std::make_shared<IrCommand>();
  Command ir =
      eval.AddCommand("ir", "nDCG@10 and recall@100 of searches by words, by meaning, and by both");
  ir.AddOption("--collection", command->collection,
               "A folder, or the files of documents, queries and judgements: SMART (CISI.ALL, "
               ".QRY, .REL) or BEIR (corpus.jsonl, queries.jsonl, qrels.tsv)")
      .Required()
      .Values(1, 3);
  AddModelOption(ir, command->model);
  AddDtypeOption(ir, command->dtype);
  ir.AddOption("--semantic-ratio", command->semantic_ratio,
               "Weight of meaning in the search by both: 0 words only, 1 meaning only")
      .Range(0.0, 1.0);
  ir.AddFlag("--approximate", command->approximate,
             "Search the vectors as a server does; else in their true order");
  ir.AddFlag("--json", command->json, "One JSON object instead of text");
  ir.OnChosen([command] {
    RequireModel(command->model);
    return ExitCode(EvaluateIr(*command));
  });
}

}  // namespace minnow
