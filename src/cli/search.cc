// SPDX-License-Identifier: Apache-2.0
// minnow search: questions to an index, answers for people or as JSON lines.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/index/store_option.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/reranker.h"
#include "cli/search_text.h"
#include "formats/json.h"
#include "ingest/input/record_reader.h"
#include "serving/rerank_stage.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr size_t kQueryLimitBytes = size_t{1} << 20;
constexpr size_t kMaxHits = 10'000;

struct SearchCommand {
  StoreOption store;
  std::string model;
  std::string dtype = "auto";
  std::string query;
  std::string queries;
  size_t limit = 10;
  std::string mode = "hybrid";
  double semantic_ratio = SearchRequest().semantic_ratio;
  std::string filter;
  std::string prompt_name;
  std::vector<std::string> attributes;
  std::string rerank;  // path of the model; empty: none
  size_t rerank_top_n = kDefaultReranked;
  bool exact = false;
  bool json = false;
};

double SemanticRatio(const SearchCommand& command) {
  if (command.mode == "lexical") return 0;
  if (command.mode == "semantic") return 1;
  return command.semantic_ratio;
}

PromptChoice QueryPrompt(const SearchCommand& command) {
  if (command.prompt_name.empty()) return {PromptChoice::Kind::kQuery, {}};
  return {PromptChoice::Kind::kNamed, command.prompt_name};
}

// Turns queries into vectors, where the mode needs them.
class QueryEmbedder {
 public:
  // The model must be the one that the index's vectors are of.
  static Result<QueryEmbedder> Load(const SearchCommand& command, const SearchIndex& index) {
    QueryEmbedder embedder;
    if (SemanticRatio(command) <= 0) return embedder;
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index.Stats());
    if (!stats.model) {
      return Error{Code::kInvalidArgument, NameOf(command.store) + ": index " +
                                               QuoteForMessage(index.name()) +
                                               " has no vectors yet; --mode lexical needs none"};
    }
    MINNOW_ASSIGN_OR_RETURN(IdentifiedModel loaded,
                            LoadModelOf(NameOf(command.store), *stats.model, command.model,
                                        command.dtype, ", or use --mode lexical"));
    embedder.model_ = std::move(loaded.model);
    MINNOW_ASSIGN_OR_RETURN(embedder.prompt_, embedder.model_->MakePrompt(QueryPrompt(command)));
    embedder.pool_ = std::make_unique<ThreadPool>(Cpu().usable_cores());
    embedder.batch_ = std::make_unique<EmbeddingBatch>(
        *embedder.model_, embedder.model_->max_tokens(), 1, embedder.pool_.get());
    return embedder;
  }

  // Empty where the mode needs none, and of a blank query, which lists documents.
  Result<std::vector<float>> Embed(const std::string& text) {
    if (!model_ || IsBlankQuery(text)) return std::vector<float>();
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText tokens,
                            model_->Tokenize(text, LengthPolicy{}, prompt_));
    batch_->Add(tokens);
    const std::span<const float> vector = batch_->Run(/*normalize=*/true);
    return std::vector<float>(vector.begin(), vector.end());
  }

 private:
  std::unique_ptr<EmbeddingModel> model_;
  Prompt prompt_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<EmbeddingBatch> batch_;
};

void WriteScore(const char* key, const std::optional<double>& score, JsonWriter& json) {
  json.Key(key);
  if (score) {
    json.Double(*score);
  } else {
    json.Null();
  }
}

std::string JsonLine(const std::string& query, const SearchAnswer& answer, bool documents,
                     bool reranked) {
  std::string line;
  JsonWriter json(&line);
  json.BeginObject();
  json.Key("query");
  json.String(query);
  json.Key("hits");
  json.BeginArray();
  for (const SearchHit& hit : answer.hits) {
    json.BeginObject();
    json.Key("id");
    json.String(hit.id);
    json.Key("score");
    json.Double(hit.score);
    WriteScore("semantic_score", hit.semantic_score, json);
    WriteScore("lexical_score", hit.lexical_score, json);
    if (reranked) WriteScore("rerank_score", hit.rerank_score, json);
    json.Key("snippet");
    json.String(PlainSnippet(hit.snippet));
    if (documents) {
      json.Key("document");
      json.Raw(hit.json);
    }
    json.EndObject();
  }
  json.EndArray();
  json.Key("estimated_total");
  json.Uint(answer.estimated_total);
  json.EndObject();
  return line + "\n";
}

class Searching {
 public:
  Searching(const SearchCommand& command, std::shared_ptr<SearchIndex> index,
            QueryEmbedder embedder, std::unique_ptr<Reranker> reranker)
      : command_(command),
        index_(std::move(index)),
        embedder_(std::move(embedder)),
        reranker_(std::move(reranker)),
        terminal_(::isatty(STDOUT_FILENO) != 0) {}

  Status Answer(const std::string& query, bool titled) {
    if (!IsValidUtf8(query)) return Error{Code::kInvalidArgument, "the query is not UTF-8"};
    SearchRequest request;
    request.text = query;
    MINNOW_ASSIGN_OR_RETURN(request.vector, embedder_.Embed(query));
    request.filter = command_.filter;
    request.limit = command_.limit;
    request.semantic_ratio = SemanticRatio(command_);
    request.exact = command_.exact;
    request.attributes = command_.attributes;
    request.attributes_given = command_.json;
    request.highlight_pre = kHitBegin;
    request.highlight_post = kHitEnd;
    MINNOW_ASSIGN_OR_RETURN(const SearchAnswer answer, Find(request));
    if (command_.json) {
      output_.Write(JsonLine(query, answer, !command_.attributes.empty(), reranker_ != nullptr));
    } else {
      if (titled) output_.Write("== " + OneLine(query) + "\n");
      output_.Write(AnswerText(answer, terminal_));
    }
    return {};
  }

  Output& output() { return output_; }

 private:
  Result<SearchAnswer> Find(const SearchRequest& request) {
    const size_t top_n = command_.rerank_top_n;
    if (reranker_ == nullptr || !WantsRerank(request, top_n)) return index_->Search(request);
    MINNOW_ASSIGN_OR_RETURN(SearchAnswer answer, index_->Search(RerankWindow(request, top_n)));
    MINNOW_ASSIGN_OR_RETURN(const std::vector<float> scores,
                            reranker_->Score(RerankPairs(request, answer)));
    ApplyRerank(request, top_n, scores, answer);
    return answer;
  }

  const SearchCommand& command_;
  const std::shared_ptr<SearchIndex> index_;
  QueryEmbedder embedder_;
  std::unique_ptr<Reranker> reranker_;  // null: none is asked for
  const bool terminal_;
  Output output_;
};

Status AnswerLines(RecordReader lines, const std::string& name, Searching& searching) {
  size_t queries = 0;
  size_t refused = 0;
  while (searching.output().wanted()) {
    if (!lines.ready()) searching.output().Flush();
    MINNOW_ASSIGN_OR_RETURN(const auto line, lines.Next());
    if (!line) break;
    const std::string where = name + ": line " + std::to_string(line->line);
    ++queries;
    // A line that is no query costs itself alone.
    if (line->too_long || !IsValidUtf8(line->bytes)) {
      ++refused;
      PrintError(where + (line->too_long
                              ? ": longer than " + std::to_string(kQueryLimitBytes) + " bytes"
                              : ": is not UTF-8"));
      continue;
    }
    const Status status = searching.Answer(std::string(line->bytes), /*titled=*/true);
    if (!status.ok()) return Annotate(status.error(), where);
  }
  if (refused == 0) return {};
  return Error{Code::kInvalidArgument, name + ": " + std::to_string(refused) + " of " +
                                           Plural(queries, "line") + " refused"};
}

Status RunSearch(const SearchCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
  MINNOW_ASSIGN_OR_RETURN(auto index, FindNamed(*store, command.store));
  MINNOW_ASSIGN_OR_RETURN(QueryEmbedder embedder, QueryEmbedder::Load(command, *index));
  std::unique_ptr<Reranker> reranker;
  if (!command.rerank.empty()) {
    MINNOW_ASSIGN_OR_RETURN(reranker, Reranker::Load(command.rerank, command.dtype));
  }
  Searching searching(command, std::move(index), std::move(embedder), std::move(reranker));
  Status status;
  if (command.queries.empty()) {
    status = searching.Answer(command.query, /*titled=*/false);
  } else if (command.queries == "-") {
    InputStream stream(STDIN_FILENO, "standard input");
    status = AnswerLines({std::move(stream), RecordFormat::kLines, kQueryLimitBytes},
                         "standard input", searching);
  } else {
    MINNOW_ASSIGN_OR_RETURN(InputStream stream, InputStream::OpenFile(command.queries));
    MINNOW_RETURN_IF_ERROR(stream.BeginText());
    status = AnswerLines({std::move(stream), RecordFormat::kLines, kQueryLimitBytes},
                         command.queries, searching);
  }
  MINNOW_RETURN_IF_ERROR(searching.output().Finish());
  return status;
}

}  // namespace

void AddSearchCommand(Command app) {
  Command search = app.AddCommand("search", "Search an index");
  auto command = std::make_shared<SearchCommand>();
  Option query = search.AddOption("QUERY", command->query, "What to search for");
  AddStoreOptions(search, command->store, EmbeddedStore::kTaken);
  AddModelOption(search, command->model);
  AddDtypeOption(search, command->dtype);
  search.AddOption("-k,--limit", command->limit, "Hits").Range(size_t{1}, kMaxHits);
  search
      .AddOption("--mode", command->mode,
                 "hybrid; semantic: by meaning only; lexical: by words only, without a model")
      .OneOf({"hybrid", "semantic", "lexical"});
  search
      .AddOption("--semantic-ratio", command->semantic_ratio,
                 "Weight of meaning in hybrid, from 0 to 1")
      .Range(0.0, 1.0);
  search.AddOption("--filter", command->filter, "Only documents for which this is true");
  search
      .AddOption("--attributes", command->attributes,
                 "Fields of the documents to print with --json, a,b")
      .Delimiter(',')
      .OneValueEach();
  search.AddOption("--prompt-name", command->prompt_name,
                   "The model's prompt to put before queries; default: \"query\", if it has one");
  search
      .AddOption("--rerank", command->rerank,
                 "A cross-encoder that puts the first hits in order: a directory or a file")
      .NotEmpty();
  Option top_n =
      search.AddOption("--rerank-top-n", command->rerank_top_n, "Hits that --rerank puts in order")
          .Range(size_t{1}, kMaxReranked);
  search.AddFlag("--exact", command->exact, "Compare every vector in full");
  search.AddFlag("--json", command->json, "A JSON line for each query");
  Option queries = search.AddOption("--queries", command->queries,
                                    "A file with a query a line; - is standard input");
  queries.Excludes(query);
  search.Footer(
      "Without --model the index's own is used, where it lay when it was used last (index stats).\n"
      "An empty query lists every document that the filter lets pass.\n"
      "Scores are between 0 and 1; words that were found are bold on a terminal.\n"
      "--json prints {\"query\":\"...\",\"hits\":[{\"id\":...,\"score\":...,...}]}.\n\n"
      "Examples:\n"
      "  minnow search \"how are pods scheduled\" --index my.db\n"
      "  minnow search pods --index my.db --mode lexical -k 3\n"
      "  minnow search \"how are pods scheduled\" --index my.db --rerank RERANKER -k 3\n"
      "  minnow search \"parse a header\" --index my.db --filter 'lang = \"go\"'\n"
      "  minnow search --queries questions.txt --index my.db --json > answers.jsonl");
  search.OnChosen([command, query, top_n] {
    if (top_n.given() && command->rerank.empty()) RequireArgument("--rerank");
    RequireStore(command->store, EmbeddedStore::kTaken);
    if (!query.given() && command->queries.empty()) {
      RequireArgument("QUERY or --queries");
    }
    return ExitCode(RunSearch(*command));
  });
}

}  // namespace minnow
