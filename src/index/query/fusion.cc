// SPDX-License-Identifier: Apache-2.0
#include "index/query/fusion.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/check.h"

namespace minnow {
namespace {

// The BM25 score that is shown as one half.
constexpr double kHalfScore = 8;
constexpr size_t kCandidates = 200;
// Deeper pages ask for this many times more, and so on: pages between fit together.
constexpr size_t kDepthStep = 5;

auto OrderOf(const RankedDocument& document) {
  return std::tuple(-document.score, -document.semantic.value_or(-1),
                    -document.lexical.value_or(-1), document.document);
}

}  // namespace

size_t CandidateDepth(size_t offset, size_t limit) {
  const size_t wanted = offset + std::min(limit, SIZE_MAX - offset);
  size_t depth = kCandidates;
  while (depth < wanted && depth < SIZE_MAX / kDepthStep) depth *= kDepthStep;
  return depth;
}

double LexicalScore(double bm25) { return bm25 <= 0 ? 0 : bm25 / (bm25 + kHalfScore); }

std::vector<RankedDocument> FuseRankings(std::span<const SemanticHit> semantic,
                                         std::span<const LexicalHit> lexical,
                                         double semantic_ratio) {
  const double ratio = std::clamp(semantic_ratio, 0.0, 1.0);
  std::vector<RankedDocument> ranking;
  std::unordered_map<int64_t, size_t> places;
  ranking.reserve(semantic.size() + lexical.size());
  const auto place = [&](int64_t document) -> RankedDocument& {
    const auto [found, is_new] = places.emplace(document, ranking.size());
    if (is_new) ranking.emplace_back().document = document;
    return ranking[found->second];
  };
  const double first = kFusionConstant + 1;
  for (size_t i = 0; i < semantic.size(); ++i) {
    RankedDocument& hit = place(semantic[i].document);
    hit.semantic = semantic[i].cosine;
    hit.chunk = semantic[i].chunk;
    hit.score += ratio * first / (first + static_cast<double>(i));
  }
  for (size_t i = 0; i < lexical.size(); ++i) {
    RankedDocument& hit = place(lexical[i].document);
    hit.lexical = lexical[i].score;
    hit.score += (1 - ratio) * first / (first + static_cast<double>(i));
  }
  for (RankedDocument& hit : ranking) {
    if (ratio >= 1) hit.score = std::clamp(hit.semantic.value_or(0), 0.0, 1.0);
    if (ratio <= 0) hit.score = LexicalScore(hit.lexical.value_or(0));
    hit.score = std::min(hit.score, 1.0);
  }
  std::sort(ranking.begin(), ranking.end(),
            [](const auto& a, const auto& b) { return OrderOf(a) < OrderOf(b); });
  return ranking;
}

void DropBelow(std::optional<double> min_score, std::vector<RankedDocument>& ranking) {
  if (!min_score) return;
  std::erase_if(ranking, [&](const RankedDocument& hit) { return hit.score < *min_score; });
}

void KeepBestOfGroups(std::span<const std::optional<std::string>> keys,
                      std::vector<RankedDocument>& ranking) {
  CHECK(keys.size() == ranking.size());
  std::unordered_set<std::string> seen;
  size_t kept = 0;
  for (size_t i = 0; i < ranking.size(); ++i) {
    if (keys[i] && !seen.insert(*keys[i]).second) continue;
    ranking[kept++] = ranking[i];
  }
  ranking.resize(kept);
}

std::span<const RankedDocument> TakePage(std::span<const RankedDocument> ranking, size_t offset,
                                         size_t limit) {
  if (offset >= ranking.size()) return {};
  return ranking.subspan(offset, std::min(limit, ranking.size() - offset));
}

}  // namespace minnow
