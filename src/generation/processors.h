// SPDX-License-Identifier: Apache-2.0
// What is done to a row of scores before an id is chosen from it: penalties, biases, and ids that
// are forbidden or forced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "generation/settings.h"

namespace minnow {

class ScoreProcessors {
 public:
  // `settings` outlives this. `encoder_ids`: the input's, without padding.
  ScoreProcessors(const GenerationSettings& settings, std::span<const int32_t> encoder_ids);

  // True where Apply never changes a score.
  bool empty() const;
  // ids: the decoder's so far, start id included; scores: [vocab_size]. In transformers' order,
  // which knows no penalties of presence and frequency: they come after the one of repetition, as
  // in TGI.
  void Apply(std::span<const int32_t> ids, std::span<float> scores);

 private:
  void AddBiases(std::span<const int32_t> ids, std::span<float> scores) const;
  void PenalizeRepetition(std::span<const int32_t> ids, std::span<float> scores);
  void PenalizeFrequency(std::span<const int32_t> ids, std::span<float> scores);
  void ForbidWords(std::span<const int32_t> ids, std::span<float> scores) const;
  void ForceEnds(size_t length, std::span<float> scores) const;
  void RaiseEnd(size_t length, std::span<float> scores) const;

  const GenerationSettings& settings_;
  std::vector<int32_t> encoder_ids_;
  std::vector<int32_t> distinct_encoder_ids_;
  // By last id; of one last id in the order in which they are summed.
  std::vector<SequenceBias> biases_;
  std::vector<std::vector<int32_t>> bad_words_;
  std::vector<uint32_t> seen_;  // [vocab_size]: the round in which an id was last penalized
  uint32_t round_ = 0;
  bool penalizes_frequency_ = false;
  std::vector<uint32_t> counts_;  // [vocab_size]: zeros but while they are counted
};

}  // namespace minnow
