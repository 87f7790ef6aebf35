// SPDX-License-Identifier: Apache-2.0
#include "serving/rerank_stage.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "tasks/classify.h"

namespace minnow {

bool WantsRerank(const SearchRequest& page, size_t top_n) {
  return page.limit > 0 && page.offset < top_n && !IsBlankQuery(page.text);
}

SearchRequest RerankWindow(const SearchRequest& page, size_t top_n) {
  SearchRequest window = page;
  window.offset = 0;
  window.limit = std::max(top_n, page.offset + page.limit);
  window.passages = top_n;
  return window;
}

std::vector<EmbedInput> RerankPairs(const SearchRequest& page, const SearchAnswer& answer) {
  std::vector<EmbedInput> pairs;
  for (const SearchHit& hit : answer.hits) {
    if (!hit.passage.empty()) pairs.emplace_back(TextPair{page.text, hit.passage});
  }
  return pairs;
}

void ApplyRerank(const SearchRequest& page, size_t top_n, std::span<const float> raw_scores,
                 SearchAnswer& answer) {
  const size_t count = answer.hits.size();
  const size_t reranked = std::min(top_n, count);
  // What is no number comes behind those that are.
  std::vector<float> raw(reranked, std::numeric_limits<float>::quiet_NaN());
  size_t next = 0;
  for (size_t i = 0; i < reranked; ++i) {
    SearchHit& hit = answer.hits[i];
    if (hit.passage.empty()) continue;
    CHECK(next < raw_scores.size());
    float score = raw[i] = raw_scores[next++];
    ApplyScoreFunction(ScoreFunction::kSigmoid, {&score, 1});
    hit.rerank_score = score;
  }
  const std::vector<LabelScore> order = BestFirst(raw, 0);
  std::vector<SearchHit> hits;
  for (size_t i = page.offset; i < count && hits.size() < page.limit; ++i) {
    hits.push_back(std::move(answer.hits[i < reranked ? order[i].label : i]));
    hits.back().passage.clear();
  }
  answer.hits = std::move(hits);
}

}  // namespace minnow
