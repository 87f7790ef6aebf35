// SPDX-License-Identifier: Apache-2.0
// Fusion: the ranked lists of the two retrievers made into one, and the page that was asked for.
//
// The stages of a search, in their order:
//   vectors and full text -> FuseRankings -> (a reranker may reorder what that gives, and set new
//   scores) -> DropBelow -> KeepBestOfGroups -> TakePage -> documents and snippets
//
// What `score` is, always in 0..1 and never rising from one hit to the next:
//   semantic  the best chunk's cosine; 0 where that is negative
//   lexical   s / (s + 8) of the BM25 score s
//   hybrid    the sum of r / (60 + semantic rank) and (1 - r) / (60 + lexical rank), ranks from 1
//             and r the semantic ratio, divided by its greatest possible value: 1 is a document
//             that is first in both lists. It tells places, not how well a document fits;
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

// How many candidates to ask each retriever for, so that pages up to this one fit together.
size_t CandidateDepth(size_t offset, size_t limit);

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
