// SPDX-License-Identifier: Apache-2.0
// Greedy search and sampling: each sequence goes its own way, an id at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "generation/processors.h"
#include "generation/random.h"
#include "generation/search.h"
#include "generation/warpers.h"

namespace minnow {

class TokenSearch : public Search {
 public:
  TokenSearch(const GenerationSettings& settings, std::span<const int32_t> encoder_ids);

  std::span<const int32_t> tokens() const override { return tokens_; }
  std::span<const uint32_t> parents() const override { return parents_; }
  bool needs_all_logits() const override { return needs_all_logits_; }
  void Advance(float* logits, size_t stride) override;
  void AdvanceBest(std::span<const int32_t> ids) override;
  bool done() const override { return running_.empty(); }
  void EndWithNext() override { last_step_ = true; }
  bool can_stream() const override { return true; }
  std::span<const int32_t> ids(size_t sequence) const override;
  std::span<const float> logprobs(size_t sequence) const override;
  void Stop(size_t sequence) override;
  Result<std::vector<GeneratedSequence>> Take() override;

 private:
  struct Sequence {
    GeneratedSequence result;
    RandomGenerator random;
    bool ended = false;
  };

  // Chooses the next id of the sequences that stand on a row: in the first step all of them.
  void AdvanceRow(std::span<const uint32_t> sequences, std::span<float> scores);
  int32_t Draw(std::span<const SampleCandidate> candidates, RandomGenerator& random) const;
  // `id` below 0: there was none to choose.
  void Append(Sequence& sequence, int32_t id, float logprob);
  // Drops the rows of sequences that ended.
  void Settle();

  const GenerationSettings settings_;
  ScoreProcessors processors_;
  std::optional<SamplingWarpers> warpers_;
  bool needs_all_logits_;
  bool first_step_ = true;
  bool last_step_ = false;
  std::vector<Sequence> sequences_;
  std::vector<uint32_t> running_;  // [rows]: the sequence of each row
  std::vector<int32_t> tokens_;
  std::vector<uint32_t> parents_;
  std::vector<float> raw_;  // the row before the processors, for log probabilities
  std::optional<Error> error_;
};

}  // namespace minnow
