// SPDX-License-Identifier: Apache-2.0
// The rerank stage of a search: its first hits in the order in which a cross-encoder scores their
// passages, each read together with the query.
//
// It comes last: what is found, filter, min_score, groups, facets and totals are the search's own.
//   RerankWindow -> the search -> RerankPairs -> the model -> ApplyRerank
//
// Pure functions, callable from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "index/query/search_request.h"
#include "tasks/embed.h"

namespace minnow {

inline constexpr size_t kDefaultReranked = 50;
// As many as a search's first part is put together from (fusion.h).
inline constexpr size_t kMaxReranked = 200;

// Whether the stage may change what the page shows: a page behind the first `top_n` hits, an empty
// one and one without a query need no model.
bool WantsRerank(const SearchRequest& page, size_t top_n);

// The search whose hits the stage takes: from the first one to the end of the page and of the first
// `top_n`, so that every page is cut from one order.
SearchRequest RerankWindow(const SearchRequest& page, size_t top_n);

// The query and the passage of each hit that has one, in the order of the hits.
std::vector<EmbedInput> RerankPairs(const SearchRequest& page, const SearchAnswer& answer);

// Puts the first `top_n` hits in order, and leaves the page's. raw_scores: [pairs], what the head
// gives; hits get their sigmoid, as /rerank gives it. Equal ones stay in the search's order; hits
// without a passage come behind those that have one.
// REQUIRES: `answer` is that of RerankWindow; raw_scores.size() == RerankPairs(...).size().
void ApplyRerank(const SearchRequest& page, size_t top_n, std::span<const float> raw_scores,
                 SearchAnswer& answer);

}  // namespace minnow
