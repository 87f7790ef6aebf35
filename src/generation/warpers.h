// SPDX-License-Identifier: Apache-2.0
// What sampling does to a row of scores before it draws: temperature, and the ids that are too
// unlikely taken away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "generation/scores.h"
#include "generation/settings.h"

namespace minnow {

// An id that may be drawn.
struct SampleCandidate {
  int32_t id = 0;
  float score = 0;  // above minus infinity
  float p = 0;      // of the last softmax over the candidates
};

class SamplingWarpers {
 public:
  // `settings` outlives this. REQUIRES: settings.do_sample
  explicit SamplingWarpers(const GenerationSettings& settings);

  // scores: [vocab_size], overwritten. The ids that stay, by rising id, with their scores and
  // probabilities; none where no score is above minus infinity. Valid until the next Apply.
  // In transformers' order: temperature, top_k, top_p, min_p, typical_p, epsilon, eta, and, if so
  // set, scores made log probabilities.
  std::span<const SampleCandidate> Apply(std::span<float> scores);

  static size_t Bytes(const GenerationSettings& settings);

 private:
  // Candidates in another order, to find how many of the first have a given mass.
  struct Ranked {
    float key = 0;
    float p = 0;
    int32_t id = 0;
  };

  void Gather(std::span<const float> scores);
  // Sets every p; gives ln of the sum of e^score.
  float Softmax();
  void KeepTopP();
  void KeepMinP();
  void KeepTypical();
  void KeepAbove(float least_p);
  float Entropy() const;
  // The score of the last candidate that must stay.
  float LeastKeptScore();
  template <class Before>
  static size_t CountByMass(std::span<Ranked> ranked, float limit, bool inclusive, Before before);

  const GenerationSettings& settings_;
  size_t least_kept_;  // candidates that the cuts leave in any case
  std::vector<SampleCandidate> candidates_;
  std::vector<Ranked> ranked_;
  std::vector<KthLargest> top_k_;  // none or one
};

}  // namespace minnow
