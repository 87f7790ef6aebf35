// SPDX-License-Identifier: Apache-2.0
// Fusion: the ranked lists of the two retrievers made into one, and the page that was asked for.
//
// The stages of a search, in their order:
//   vectors and full text -> FuseRankings -> DropBelow -> KeepBestOfGroups -> TakePage -> documents
//   and snippets -> (a reranker may put the first hits in another order: serving/rerank_stage.h)
//
// What `score` is, always in 0..1 and never rising from one hit to the next:
//   semantic  the best chunk's cosine; 0 where that is negative
//   lexical   s / (s + 8) of the BM25 score s
//   hybrid    the sum of w / (60 + semantic rank) and (1 - w) / (60 + lexical rank), ranks from 1,
//             divided by its greatest possible value: 1 is a document that is first in both lists.
//             w is the semantic ratio, moved towards the list whose first hits stand out more from
//             the rest (ListWeight). It tells places, not how well a document fits;
//             semantic_score and lexical_score, beside it, tell that.
// Cormack, Clarke and Buettcher, Reciprocal Rank Fusion outperforms Condorcet and individual Rank
// Learning Methods, SIGIR 2009.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/query/lexical/scan.h"

namespace minnow {

// A document by the best of its chunks.
struct SemanticHit {
  int64_t document = 0;  // row id
  int64_t chunk = 0;     // as the vectors name it
  double cosine = 0;
};

struct RankedDocument {
  int64_t document = 0;
  double score = 0;
  std::optional<int64_t> chunk;    // of the semantic list
  std::optional<double> semantic;  // cosine
  std::optional<double> lexical;   // BM25
};

inline constexpr double kFusionConstant = 60;

// How many of each list make the first part of a ranking. What only deeper pages show comes behind
// it, whatever its ranks, so that pages fit together.
inline constexpr size_t kFirstCandidates = 200;

// Deeper pages ask for this many times more, and so on.
inline constexpr size_t kDepthStep = 5;

// How many candidates to ask each retriever for, for this page, where the first pages ask for
// `first`.
size_t CandidateDepth(size_t first, size_t offset, size_t limit);

// The weight of the semantic list, by how far the first ten scores of each list (best first) stand
// above its mean, in standard deviations: the list that knows better shows it so. Never further
// from the ratio than 0.2; the ratio itself where a list has too few scores to tell.
double ListWeight(std::span<const double> semantic, std::span<const double> lexical, double ratio);

// BM25 as a number in 0..1.
double LexicalScore(double bm25);

// Both lists best first, each document once. Without one of the retrievers (a ratio of 0 or 1, or
// nothing to look for), its list is empty and the ratio says so. Ties are broken by the better
// cosine, then BM25, then the lower row id, so the order is the same at every call.
std::vector<RankedDocument> FuseRankings(std::span<const SemanticHit> semantic,
                                         std::span<const LexicalHit> lexical,
                                         double semantic_ratio);

// Leaves out what has a lower score; nullopt leaves everything.
void DropBelow(std::optional<double> min_score, std::vector<RankedDocument>& ranking);

// Keeps the first document of each group. keys: one for each document; nullopt is a group of its
// own. REQUIRES: keys.size() == ranking.size()
void KeepBestOfGroups(std::span<const std::optional<std::string>> keys,
                      std::vector<RankedDocument>& ranking);

// The documents [offset, offset + limit) of the ranking.
std::span<const RankedDocument> TakePage(std::span<const RankedDocument> ranking, size_t offset,
                                         size_t limit);

}  // namespace minnow
