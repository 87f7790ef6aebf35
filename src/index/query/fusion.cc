// SPDX-License-Identifier: Apache-2.0
#include "index/query/fusion.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/check.h"

namespace minnow {
namespace {

// The BM25 score that is shown as one half.
constexpr double kHalfScore = 8;

// What ListWeight compares: the first scores of a list that has at least so many.
constexpr size_t kFirstScores = 10;
constexpr size_t kFewestScores = 20;
constexpr double kMostWeightShift = 0.2;

// 0: it cannot be told.
double Prominence(std::span<const double> scores) {
  if (scores.size() < kFewestScores) return 0;
  const auto n = static_cast<double>(scores.size());
  double sum = 0, squares = 0, first = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    sum += scores[i];
    squares += scores[i] * scores[i];
    if (i < kFirstScores) first += scores[i];
  }
  const double mean = sum / n, variance = squares / n - mean * mean;
  // Rounding alone makes no list stand out.
  if (!(variance > 1e-9 * mean * mean)) return 0;
  return (first / static_cast<double>(kFirstScores) - mean) / std::sqrt(variance);
}

// Which part of a ranking a place in a list belongs to: the first, or what deeper pages add.
size_t PartOf(size_t place) {
  size_t part = 0;
  for (size_t end = kFirstCandidates; place >= end && end < SIZE_MAX / kDepthStep; ++part)
    end *= kDepthStep;
  return part;
}

// A document's places in the two lists; SIZE_MAX: in none.
struct Place {
  RankedDocument hit;
  size_t semantic = SIZE_MAX, lexical = SIZE_MAX;
  size_t part = 0;
};

// What one place gives. Places of a later part than the document's own count for nothing: a search
// for the first page does not know them.
double Share(double weight, size_t place, size_t part) {
  if (place == SIZE_MAX || PartOf(place) > part) return 0;
  constexpr double kFirst = kFusionConstant + 1;
  return weight * kFirst / (kFirst + static_cast<double>(place));
}

auto OrderOf(const Place& place) {
  return std::tuple(place.part, -place.hit.score, -place.hit.semantic.value_or(-1),
                    -place.hit.lexical.value_or(-1), place.hit.document);
}

template <class Hit, class ScoreOf>
std::vector<double> FirstScores(std::span<const Hit> hits, const ScoreOf& score_of) {
  std::vector<double> scores;
  for (const Hit& hit : hits.first(std::min(hits.size(), kFirstCandidates)))
    scores.push_back(score_of(hit));
  return scores;
}

double WeightFor(std::span<const SemanticHit> semantic, std::span<const LexicalHit> lexical,
                 double ratio) {
  if (semantic.size() < kFewestScores || lexical.size() < kFewestScores) return ratio;
  return ListWeight(FirstScores(semantic, [](const SemanticHit& hit) { return hit.cosine; }),
                    FirstScores(lexical, [](const LexicalHit& hit) { return hit.score; }), ratio);
}

}  // namespace

double ListWeight(std::span<const double> semantic, std::span<const double> lexical, double ratio) {
  if (ratio <= 0 || ratio >= 1) return ratio;
  // The cube was chosen by trial (docs/decisions/0007-what-makes-a-hybrid-search.md).
  const double of_semantic = ratio * std::pow(Prominence(semantic), 3);
  const double of_lexical = (1 - ratio) * std::pow(Prominence(lexical), 3);
  if (!(of_semantic > 0) || !(of_lexical > 0)) return ratio;
  const double weight = of_semantic / (of_semantic + of_lexical);
  return std::clamp(weight, std::max(ratio - kMostWeightShift, 0.0),
                    std::min(ratio + kMostWeightShift, 1.0));
}

size_t CandidateDepth(size_t first, size_t offset, size_t limit) {
  const size_t wanted = offset + std::min(limit, SIZE_MAX - offset);
  size_t depth = first;
  while (depth < wanted && depth < SIZE_MAX / kDepthStep) depth *= kDepthStep;
  return depth;
}

double LexicalScore(double bm25) { return bm25 <= 0 ? 0 : bm25 / (bm25 + kHalfScore); }

std::vector<RankedDocument> FuseRankings(std::span<const SemanticHit> semantic,
                                         std::span<const LexicalHit> lexical,
                                         double semantic_ratio) {
  const double ratio = std::clamp(semantic_ratio, 0.0, 1.0);
  const double weight = WeightFor(semantic, lexical, ratio);
  std::vector<Place> places;
  std::unordered_map<int64_t, size_t> numbers;
  places.reserve(semantic.size() + lexical.size());
  const auto place_of = [&](int64_t document) -> Place& {
    const auto [found, is_new] = numbers.emplace(document, places.size());
    if (is_new) places.emplace_back().hit.document = document;
    return places[found->second];
  };
  for (size_t i = 0; i < semantic.size(); ++i) {
    Place& place = place_of(semantic[i].document);
    place.semantic = i;
    place.hit.semantic = std::clamp(semantic[i].cosine, -1.0, 1.0);  // rounding goes past them
    place.hit.chunk = semantic[i].chunk;
  }
  for (size_t i = 0; i < lexical.size(); ++i) {
    Place& place = place_of(lexical[i].document);
    place.lexical = i;
    place.hit.lexical = lexical[i].score;
  }
  for (Place& place : places) {
    RankedDocument& hit = place.hit;
    // One list alone is in order already.
    place.part = ratio >= 1 ? place.semantic : PartOf(std::min(place.semantic, place.lexical));
    hit.score =
        Share(weight, place.semantic, place.part) + Share(1 - weight, place.lexical, place.part);
    if (ratio >= 1) hit.score = std::clamp(hit.semantic.value_or(0), 0.0, 1.0);
    if (ratio <= 0) hit.score = LexicalScore(hit.lexical.value_or(0));
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return OrderOf(a) < OrderOf(b); });
  std::vector<RankedDocument> ranking;
  ranking.reserve(places.size());
  double most = 1;  // what is behind has no higher score, though it be better than the part before
  for (const Place& place : places) {
    ranking.push_back(place.hit);
    most = ranking.back().score = std::min(place.hit.score, most);
  }
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
