// SPDX-License-Identifier: Apache-2.0
#include "eval/evaluation.h"

#include <chrono>
#include <utility>

#include "eval/metrics.h"
#include "formats/json.h"
#include "ingest/pending_embedder.h"
#include "ingest/prepare.h"

namespace minnow {
namespace {

constexpr size_t kDocumentsAtOnce = 500;

std::string DocumentJson(const CollectionText& document) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("id");
  json.String(document.id);
  json.Key("title");
  json.String(document.title);
  json.Key("text");
  json.String(document.text);
  json.EndObject();
  return text;
}

Status AddDocuments(SearchIndex& index, const EmbeddingModel& model,
                    const TestCollection& collection) {
  const Chunker chunker = ChunkerOf(model);
  std::vector<Document> documents;
  const auto add = [&]() -> Status {
    const auto added = index.Add(documents);
    documents.clear();
    return added.ok() ? Status() : added.error();
  };
  for (const CollectionText& text : collection.documents) {
    auto document = PrepareDocument(index.settings(), chunker, DocumentJson(text));
    if (!document.ok()) return Annotate(document.error(), "document " + QuoteForMessage(text.id));
    documents.push_back(std::move(document).value());
    if (documents.size() == kDocumentsAtOnce) MINNOW_RETURN_IF_ERROR(add());
  }
  return add();
}

// [queries, D]
Result<std::vector<float>> EmbedQueries(const EmbeddingModel& model,
                                        const TestCollection& collection, ThreadPool* pool) {
  EmbeddingBatch batch(model, model.max_tokens(), 1, pool);
  std::vector<float> vectors;
  MINNOW_ASSIGN_OR_RETURN(const Prompt prompt, model.MakePrompt({PromptChoice::Kind::kQuery, {}}));
  for (const CollectionText& query : collection.queries) {
    auto tokens = model.Tokenize(query.text, LengthPolicy{}, prompt);
    if (!tokens.ok()) return Annotate(tokens.error(), "query " + QuoteForMessage(query.id));
    batch.Add(*tokens);
    const std::span<const float> vector = batch.Run(/*normalize=*/true);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  return vectors;
}

Result<RetrievalScores> Ask(const SearchIndex& index, const TestCollection& collection,
                            const std::vector<float>& vectors, RetrievalScores scores, bool exact) {
  const size_t size = vectors.size() / collection.queries.size();
  std::chrono::duration<double, std::milli> searching{};
  for (size_t i = 0; i < collection.queries.size(); ++i) {
    const CollectionText& query = collection.queries[i];
    SearchRequest request;
    request.limit = kRecallDepth;
    request.semantic_ratio = scores.semantic_ratio;
    request.exact = exact;
    request.snippet_bytes = 0;
    request.attributes_given = true;
    if (scores.semantic_ratio < 1) request.text = query.text;
    if (scores.semantic_ratio > 0) {
      const float* const vector = vectors.data() + i * size;
      request.vector.assign(vector, vector + size);
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = index.Search(request);
    searching += std::chrono::steady_clock::now() - begin;
    if (!answer.ok()) return Annotate(answer.error(), "query " + QuoteForMessage(query.id));
    std::vector<std::string> ranking;
    for (const SearchHit& hit : answer->hits) ranking.push_back(hit.id);
    const auto& judgements = collection.judgements.at(query.id);
    scores.ndcg += Ndcg(ranking, judgements, kNdcgDepth);
    scores.recall += Recall(ranking, judgements, kRecallDepth);
  }
  const auto queries = static_cast<double>(collection.queries.size());
  scores.ndcg /= queries;
  scores.recall /= queries;
  scores.search_ms = searching.count() / queries;
  return scores;
}

}  // namespace

Result<RetrievalReport> EvaluateRetrieval(SearchIndex& index, const ModelSource& source,
                                          const EmbeddingModel& model,
                                          const TestCollection& collection,
                                          const RetrievalOptions& options, ThreadPool* pool,
                                          const RetrievalProgress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const ModelIdentity identity, IdentifyModel(source, model));
  MINNOW_RETURN_IF_ERROR(index.UseModel(identity, /*reembed=*/false));
  MINNOW_RETURN_IF_ERROR(AddDocuments(index, model, collection));
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index.Stats());
  PendingEmbedder embedder(model, identity, pool);
  const auto embedded = embedder.Run(index, [&](const EmbedCounts& counts) {
    progress("passages embedded", counts.chunks, stats.chunks);
    return true;
  });
  if (!embedded.ok()) return embedded.error();
  MINNOW_ASSIGN_OR_RETURN(const std::vector<float> vectors, EmbedQueries(model, collection, pool));
  RetrievalReport report;
  report.chunks = stats.chunks;
  for (RetrievalScores mode : {RetrievalScores{"lexical", 0}, RetrievalScores{"semantic", 1},
                               RetrievalScores{"hybrid", options.semantic_ratio}}) {
    progress("modes asked", report.modes.size(), 3);
    MINNOW_ASSIGN_OR_RETURN(RetrievalScores scores,
                            Ask(index, collection, vectors, std::move(mode), options.exact));
    report.modes.push_back(std::move(scores));
  }
  return report;
}

}  // namespace minnow
