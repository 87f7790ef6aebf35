// SPDX-License-Identifier: Apache-2.0
#include "generation/warpers.h"

#include <algorithm>
#include <cmath>

namespace minnow {
namespace {

bool Cuts(double cutoff) { return cutoff > 0 && cutoff < 1; }

bool UsesRanks(const GenerationSettings& settings) {
  return settings.top_p < 1 || settings.min_p || settings.typical_p < 1 ||
         Cuts(settings.epsilon_cutoff) || Cuts(settings.eta_cutoff);
}

// With beams the end alone must not be all that stays.
size_t LeastKept(const GenerationSettings& settings) {
  if (settings.num_beams == 1) return 1;
  return settings.eos_token_ids.empty() ? 2 : settings.eos_token_ids.size() + 1;
}

}  // namespace

SamplingWarpers::SamplingWarpers(const GenerationSettings& settings)
    : settings_(settings), least_kept_(LeastKept(settings)) {
  candidates_.reserve(settings.vocab_size);
  if (UsesRanks(settings)) ranked_.reserve(settings.vocab_size);
  const size_t k = std::max(settings.top_k, least_kept_);
  if (settings.top_k > 0 && k < settings.vocab_size) top_k_.emplace_back(k);
}

size_t SamplingWarpers::Bytes(const GenerationSettings& settings) {
  const size_t ranked = UsesRanks(settings) ? sizeof(Ranked) : 0;
  return settings.vocab_size * (sizeof(SampleCandidate) + ranked + sizeof(float));
}

std::span<const SampleCandidate> SamplingWarpers::Apply(std::span<float> scores) {
  const auto temperature = static_cast<float>(settings_.temperature);
  if (temperature != 1) {
    for (float& score : scores) score /= temperature;
  }
  Gather(scores);
  if (candidates_.empty()) return {};
  if (settings_.top_p < 1) KeepTopP();
  if (settings_.min_p) KeepMinP();
  if (settings_.typical_p < 1) KeepTypical();
  if (Cuts(settings_.epsilon_cutoff)) {
    Softmax();
    KeepAbove(static_cast<float>(settings_.epsilon_cutoff));
  }
  if (Cuts(settings_.eta_cutoff)) {
    Softmax();
    const auto epsilon = static_cast<float>(settings_.eta_cutoff);
    KeepAbove(std::min(epsilon, std::sqrt(epsilon) * std::exp(-Entropy())));
  }
  const float log_sum = Softmax();
  if (settings_.renormalize_logits) {
    for (SampleCandidate& candidate : candidates_) candidate.score -= log_sum;
  }
  return candidates_;
}

// top_k: all that are no worse than the k-th, equals included.
void SamplingWarpers::Gather(std::span<const float> scores) {
  const float least = top_k_.empty() ? kForbidden : top_k_.front().Of(scores);
  candidates_.clear();
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] > kForbidden && scores[i] >= least) {
      // A division by the temperature may have made it infinite.
      const float score = std::min(scores[i], std::numeric_limits<float>::max());
      candidates_.push_back({static_cast<int32_t>(i), score, 0});
    }
  }
}

float SamplingWarpers::Softmax() {
  float max = kForbidden;
  for (const SampleCandidate& candidate : candidates_) max = std::max(max, candidate.score);
  double sum = 0;
  for (SampleCandidate& candidate : candidates_) {
    candidate.p = std::exp(candidate.score - max);
    sum += candidate.p;
  }
  for (SampleCandidate& candidate : candidates_) {
    candidate.p = static_cast<float>(candidate.p / sum);
  }
  return max + static_cast<float>(std::log(sum));
}

// How many entries, in the order of `before`, have a running sum of p below `limit` (or equal to
// it, if inclusive). The entry of that rank, if there is one, stands at its place afterwards, those
// before it in front of it. Halves the range each time, so the work is that of a few passes.
template <class Before>
size_t SamplingWarpers::CountByMass(std::span<Ranked> ranked, float limit, bool inclusive,
                                    Before before) {
  size_t first = 0, last = ranked.size();
  double sum = 0;
  while (first < last) {
    const size_t middle = first + (last - first) / 2;
    const auto begin = ranked.begin();
    std::nth_element(begin + static_cast<ptrdiff_t>(first), begin + static_cast<ptrdiff_t>(middle),
                     begin + static_cast<ptrdiff_t>(last), before);
    double with = sum;
    for (size_t i = first; i <= middle; ++i) with += ranked[i].p;
    const auto mass = static_cast<float>(with);
    if (inclusive ? mass <= limit : mass < limit) {
      sum = with;
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

// Takes the worst away while their mass is at most 1 - top_p.
void SamplingWarpers::KeepTopP() {
  Softmax();
  ranked_.clear();
  for (const SampleCandidate& candidate : candidates_) {
    ranked_.push_back({candidate.score, candidate.p, candidate.id});
  }
  // The worst first; of equals the one with the lower id stays longer.
  const auto before = [](const Ranked& a, const Ranked& b) {
    return a.key != b.key ? a.key < b.key : a.id > b.id;
  };
  const auto limit = static_cast<float>(1 - settings_.top_p);
  size_t dropped = CountByMass(std::span(ranked_), limit, true, before);
  dropped = std::min(dropped, ranked_.size() - std::min(ranked_.size(), least_kept_));
  std::nth_element(ranked_.begin(), ranked_.begin() + static_cast<ptrdiff_t>(dropped),
                   ranked_.end(), before);
  const Ranked worst = ranked_[dropped];
  std::erase_if(candidates_, [&](const SampleCandidate& candidate) {
    return before({candidate.score, candidate.p, candidate.id}, worst);
  });
}

void SamplingWarpers::KeepMinP() {
  Softmax();
  float max = 0;
  for (const SampleCandidate& candidate : candidates_) max = std::max(max, candidate.p);
  KeepAbove(static_cast<float>(*settings_.min_p) * max);
}

// Those whose surprise is nearest to the entropy, until they have the mass.
void SamplingWarpers::KeepTypical() {
  const float log_sum = Softmax();
  const float entropy = Entropy();
  const auto key = [log_sum, entropy](const SampleCandidate& candidate) {
    return std::abs(log_sum - candidate.score - entropy);
  };
  ranked_.clear();
  for (const SampleCandidate& candidate : candidates_) {
    ranked_.push_back({key(candidate), candidate.p, candidate.id});
  }
  const auto before = [](const Ranked& a, const Ranked& b) {
    return a.key != b.key ? a.key < b.key : a.id < b.id;
  };
  const size_t last = ranked_.size() - 1;
  const size_t reached = std::min(
      last,
      CountByMass(std::span(ranked_), static_cast<float>(settings_.typical_p), false, before));
  const float farthest = ranked_[reached].key;
  const size_t kept = std::min(last, std::max(reached, least_kept_ - 1));
  std::nth_element(ranked_.begin(), ranked_.begin() + static_cast<ptrdiff_t>(kept), ranked_.end(),
                   before);
  const Ranked last_kept = ranked_[kept];
  std::erase_if(candidates_, [&](const SampleCandidate& candidate) {
    const Ranked ranked{key(candidate), candidate.p, candidate.id};
    return ranked.key > farthest && before(last_kept, ranked);
  });
}

void SamplingWarpers::KeepAbove(float least_p) {
  const float least_score = LeastKeptScore();
  std::erase_if(candidates_, [&](const SampleCandidate& candidate) {
    return candidate.p < least_p && candidate.score < least_score;
  });
}

float SamplingWarpers::Entropy() const {
  double entropy = 0;
  for (const SampleCandidate& candidate : candidates_) {
    if (candidate.p > 0) entropy -= candidate.p * std::log(static_cast<double>(candidate.p));
  }
  return static_cast<float>(entropy);
}

float SamplingWarpers::LeastKeptScore() {
  if (candidates_.size() <= least_kept_) return kForbidden;
  ranked_.clear();
  for (const SampleCandidate& candidate : candidates_) {
    ranked_.push_back({candidate.score, candidate.p, candidate.id});
  }
  const auto place = ranked_.begin() + static_cast<ptrdiff_t>(least_kept_ - 1);
  std::nth_element(ranked_.begin(), place, ranked_.end(),
                   [](const Ranked& a, const Ranked& b) { return a.key > b.key; });
  return place->key;
}

}  // namespace minnow
