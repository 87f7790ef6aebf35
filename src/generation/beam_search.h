// SPDX-License-Identifier: Apache-2.0
// Beam search and beam sampling, as transformers does them (5.24, where samples are ordered by
// their scores before they are ranked). Three differences, none of which a plain text meets:
// - Of equal scores the lower beam comes first, then the lower id; there the order is not defined.
// - What has no score above minus infinity is never a beam, and the first step has one beam, not
//   num_beams of which all but one stand at -1e9. So fewer sequences than asked for may come back.
// - A search that is left with nothing fails; there the start id alone is the answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "generation/processors.h"
#include "generation/random.h"
#include "generation/scores.h"
#include "generation/search.h"
#include "generation/warpers.h"

namespace minnow {

class BeamSearch : public Search {
 public:
  BeamSearch(const GenerationSettings& settings, std::span<const int32_t> encoder_ids);

  std::span<const int32_t> tokens() const override { return tokens_; }
  std::span<const uint32_t> parents() const override { return parents_; }
  bool needs_all_logits() const override { return true; }
  void Advance(float* logits, size_t stride) override;
  void AdvanceBest(std::span<const int32_t> ids) override;
  bool done() const override { return done_; }
  void EndWithNext() override { last_step_ = true; }
  bool can_stream() const override { return false; }
  std::span<const int32_t> ids(size_t sequence) const override;
  std::span<const float> logprobs(size_t sequence) const override;
  void Stop(size_t sequence) override;
  Result<std::vector<GeneratedSequence>> Take() override;

 private:
  struct Beam {
    std::vector<int32_t> ids;
    std::vector<float> scores;  // of the new ids
    float total = 0;            // their sum; of an ended beam divided by its length's power
    bool at_end = false;        // the last id is an end id
  };

  // Puts the ways on from a row into best_.
  void OfferRow(uint32_t row, std::span<float> scores);
  // `to`, whose memory is reused, becomes `from` with one id more.
  static void Extend(const Beam& from, const Continuation& by, Beam* to);
  bool IsEnd(int32_t id) const;
  float LengthPower(size_t length) const;
  // Puts an ended beam into ended_ where it is among the best.
  void End(const Continuation& by, size_t length);
  bool CanStop(size_t length) const;

  const GenerationSettings settings_;
  ScoreProcessors processors_;
  std::optional<SamplingWarpers> warpers_;
  RandomGenerator random_;
  BestContinuations best_;
  std::vector<Continuation> drawn_;  // sampling: best_, ordered by total
  // Each holds memory for num_beams; the first so many count.
  std::vector<Beam> running_, next_, ended_;
  size_t running_count_ = 1;
  size_t length_ = 0;  // new ids of each that runs: lengths here do not count the start id
  size_t ended_count_ = 0;
  std::vector<int32_t> tokens_;
  std::vector<uint32_t> parents_;
  bool done_ = false;
  bool last_step_ = false;
  bool logits_are_broken_ = false;
};

}  // namespace minnow
