// SPDX-License-Identifier: Apache-2.0
// How well an index answers a test collection's queries: by words, by meaning, and by both.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "eval/collection.h"
#include "index/store/search_index.h"
#include "models/source.h"
#include "tasks/embedding_model.h"

namespace minnow {

inline constexpr size_t kNdcgDepth = 10;
inline constexpr size_t kRecallDepth = 100;

// Means over the queries.
struct RetrievalScores {
  std::string mode;           // "lexical", "semantic", "hybrid"
  double semantic_ratio = 0;  // of the searches
  double ndcg = 0;            // at kNdcgDepth
  double recall = 0;          // at kRecallDepth
  double search_ms = 0;       // a query, without its embedding
};

struct RetrievalReport {
  size_t chunks = 0;
  std::vector<RetrievalScores> modes;
};

struct RetrievalOptions {
  double semantic_ratio = 0.5;  // of the hybrid searches
  bool exact = true;            // the vectors' true order: the judgement is about models and fusion
};

// Told what is being done and how far it is: "documents embedded", done, of how many.
using RetrievalProgress = std::function<void(const char* what, size_t done, size_t total)>;

// Puts the collection's documents into `index`, which is new, as {"id", "title", "text"}; embeds
// them; and asks its queries in each mode. Fails as the index does.
Result<RetrievalReport> EvaluateRetrieval(SearchIndex& index, const ModelSource& source,
                                          const EmbeddingModel& model,
                                          const TestCollection& collection,
                                          const RetrievalOptions& options, ThreadPool* pool,
                                          const RetrievalProgress& progress);

}  // namespace minnow
