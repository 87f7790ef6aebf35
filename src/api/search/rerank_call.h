// SPDX-License-Identifier: Apache-2.0
// The rerank stage of a request: its model, and the way from a lane through the engine and back.
// Internal to api/search.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "api/call.h"
#include "api/search/search_query.h"
#include "index/query/search_request.h"

namespace minnow::api {

struct Reranked {
  SearchAnswer answer;
  size_t scored = 0;                 // hits that the model read
  size_t truncated = 0;              // of these, cut at the model's limit
  std::chrono::nanoseconds took{0};  // waiting included
};

// Null: there is no such model, or it cannot rerank, and the request is answered. Any thread.
ModelLease FindReranker(Call& call, const RerankChoice& choice);

// Scores the hits of `answer`, which RerankWindow(page) found, by `model`; then `done` runs, with
// the page's hits, on another thread than the engine's where that can be. Where the model refuses,
// memory is full or the client leaves, the request is answered without it. Blocks nobody.
void Rerank(const std::shared_ptr<Call>& call, ModelLease model, const SearchRequest& page,
            size_t top_n, SearchAnswer answer, std::function<void(Call&, const Reranked&)> done);

}  // namespace minnow::api
