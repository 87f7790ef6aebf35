// SPDX-License-Identifier: Apache-2.0
#include "generation/token_search.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "generation/no_id_left.h"
#include "generation/scores.h"

namespace minnow {

TokenSearch::TokenSearch(const GenerationSettings& settings, std::span<const int32_t> encoder_ids)
    : settings_(settings), processors_(settings_, encoder_ids) {
  if (settings_.do_sample) warpers_.emplace(settings_);
  needs_all_logits_ = settings_.do_sample || settings_.logprobs || !processors_.empty();
  const size_t count = settings_.num_return_sequences;
  sequences_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Sequence& sequence = sequences_.emplace_back(Sequence{{}, RandomGenerator(settings_.seed, i)});
    sequence.result.ids.reserve(settings_.max_length);
    sequence.result.ids.push_back(settings_.decoder_start_token_id);
    if (settings_.logprobs) sequence.result.logprobs.reserve(settings_.max_length);
    running_.push_back(static_cast<uint32_t>(i));
  }
  tokens_.reserve(count);
  parents_.reserve(count);
  tokens_.push_back(settings_.decoder_start_token_id);
  if (settings_.logprobs) raw_.resize(settings_.vocab_size);
}

void TokenSearch::Advance(float* logits, size_t stride) {
  CHECK(!done());
  if (first_step_) {
    AdvanceRow(running_, {logits, settings_.vocab_size});
  } else {
    for (size_t row = 0; row < running_.size(); ++row) {
      AdvanceRow({&running_[row], 1}, {logits + row * stride, settings_.vocab_size});
    }
  }
  Settle();
}

void TokenSearch::AdvanceBest(std::span<const int32_t> ids) {
  CHECK(!done() && !needs_all_logits_ && ids.size() == rows());
  for (size_t row = 0; row < running_.size(); ++row) {
    Append(sequences_[running_[row]], ids[row], 0);
  }
  Settle();
}

void TokenSearch::AdvanceRow(std::span<const uint32_t> sequences, std::span<float> scores) {
  const bool changes_scores = warpers_ || !processors_.empty();
  std::span<const float> raw = scores;
  if (settings_.logprobs && changes_scores) {
    std::copy(scores.begin(), scores.end(), raw_.begin());
    raw = raw_;
  }
  const float log_sum = settings_.logprobs ? LogSumExp(scores) : 0;
  const auto& ids = sequences_[sequences.front()].result.ids;
  if (changes_scores && ArgMax(scores) < 0) {
    error_ = NoIdLeft(ids.size(), true);
    return;
  }
  processors_.Apply(ids, scores);
  std::span<const SampleCandidate> candidates;
  if (warpers_) candidates = warpers_->Apply(scores);
  const int32_t best = warpers_ ? -1 : ArgMax(scores);
  for (const uint32_t index : sequences) {
    Sequence& sequence = sequences_[index];
    const int32_t id = warpers_ ? Draw(candidates, sequence.random) : best;
    const bool has_logprob = settings_.logprobs && id >= 0;
    Append(sequence, id, has_logprob ? LogProbability(raw[static_cast<size_t>(id)], log_sum) : 0);
  }
}

// The first candidate, in order, at which the running sum of p passes a random part of the whole.
int32_t TokenSearch::Draw(std::span<const SampleCandidate> candidates,
                          RandomGenerator& random) const {
  double sum = 0;
  for (const SampleCandidate& candidate : candidates) sum += candidate.p;
  double left = random.Uniform() * sum;
  int32_t id = -1;
  for (const SampleCandidate& candidate : candidates) {
    if (!(candidate.p > 0)) continue;
    id = candidate.id;
    left -= candidate.p;
    if (left < 0) break;
  }
  return id;
}

void TokenSearch::Append(Sequence& sequence, int32_t id, float logprob) {
  if (id < 0) {
    // What processors and warpers leave nothing of was checked before.
    error_ = NoIdLeft(sequence.result.ids.size(), !warpers_ && processors_.empty());
    return;
  }
  GeneratedSequence& result = sequence.result;
  result.ids.push_back(id);
  if (settings_.logprobs) {
    result.logprobs.push_back(logprob);
    result.score += logprob;
  }
  if (std::ranges::count(settings_.eos_token_ids, id) != 0) {
    result.finish_reason = FinishReason::kEnd;
    sequence.ended = true;
  } else if (last_step_ || result.ids.size() >= settings_.max_length) {
    result.finish_reason = FinishReason::kLength;
    sequence.ended = true;
  }
}

void TokenSearch::Settle() {
  const size_t rows = std::exchange(first_step_, false) ? 1 : running_.size();
  parents_.clear();
  tokens_.clear();
  size_t kept = 0;
  for (size_t i = 0; i < running_.size(); ++i) {
    const Sequence& sequence = sequences_[running_[i]];
    if (error_ || sequence.ended) continue;
    running_[kept++] = running_[i];
    parents_.push_back(rows == 1 ? 0 : static_cast<uint32_t>(i));
    tokens_.push_back(sequence.result.ids.back());
  }
  running_.resize(kept);
  if (kept == rows) parents_.clear();  // as they were
}

std::span<const int32_t> TokenSearch::ids(size_t sequence) const {
  CHECK(sequence < sequences_.size());
  return sequences_[sequence].result.ids;
}

std::span<const float> TokenSearch::logprobs(size_t sequence) const {
  CHECK(sequence < sequences_.size());
  return sequences_[sequence].result.logprobs;
}

void TokenSearch::Stop(size_t sequence) {
  const auto place = std::ranges::find(running_, static_cast<uint32_t>(sequence));
  if (place == running_.end()) return;
  const ptrdiff_t row = place - running_.begin();
  sequences_[sequence].ended = true;
  sequences_[sequence].result.finish_reason = FinishReason::kStop;
  if (first_step_) {  // all stand on one row
    running_.erase(place);
    return;
  }
  if (parents_.empty()) {
    for (size_t i = 0; i < running_.size(); ++i) parents_.push_back(static_cast<uint32_t>(i));
  }
  running_.erase(place);
  tokens_.erase(tokens_.begin() + row);
  parents_.erase(parents_.begin() + row);
}

Result<std::vector<GeneratedSequence>> TokenSearch::Take() {
  CHECK(done());
  if (error_) return *error_;
  std::vector<GeneratedSequence> results;
  results.reserve(sequences_.size());
  for (Sequence& sequence : sequences_) results.push_back(std::move(sequence.result));
  return results;
}

}  // namespace minnow
