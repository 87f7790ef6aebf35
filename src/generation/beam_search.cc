// SPDX-License-Identifier: Apache-2.0
#include "generation/beam_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "generation/no_id_left.h"

namespace minnow {
namespace {

// Of these many even if all but num_beams of them end, enough go on.
size_t Continuations(const GenerationSettings& settings) {
  return std::max<size_t>(2, 1 + settings.eos_token_ids.size()) * settings.num_beams;
}

}  // namespace

BeamSearch::BeamSearch(const GenerationSettings& settings, std::span<const int32_t> encoder_ids)
    : settings_(settings),
      processors_(settings_, encoder_ids),
      random_(settings.seed, 0),
      best_(Continuations(settings)) {
  if (settings_.do_sample) warpers_.emplace(settings_);
  for (std::vector<Beam>* beams : {&running_, &next_, &ended_}) {
    beams->resize(settings_.num_beams);
    for (Beam& beam : *beams) {
      beam.ids.reserve(settings_.max_length);
      beam.scores.reserve(settings_.max_length);
    }
  }
  drawn_.reserve(Continuations(settings));
  tokens_.reserve(settings_.num_beams);
  parents_.reserve(settings_.num_beams);
  // In the first step all beams would be the same: one row stands for them.
  running_.front().ids.push_back(settings_.decoder_start_token_id);
  tokens_.push_back(settings_.decoder_start_token_id);
}

void BeamSearch::Advance(float* logits, size_t stride) {
  CHECK(!done_);
  best_.Clear();
  for (size_t row = 0; row < running_count_; ++row) {
    OfferRow(static_cast<uint32_t>(row), {logits + row * stride, settings_.vocab_size});
  }
  std::span<const Continuation> best = best_.Take();
  if (settings_.do_sample) {
    drawn_.assign(best.begin(), best.end());
    std::ranges::sort(drawn_, [](const Continuation& a, const Continuation& b) {
      if (a.total != b.total) return a.total > b.total;
      return a.row != b.row ? a.row < b.row : a.id < b.id;
    });
    best = drawn_;
  }
  const size_t length = ++length_;
  const bool at_limit = last_step_ || length + 1 >= settings_.max_length;
  size_t next_count = 0;
  parents_.clear();
  tokens_.clear();
  for (size_t rank = 0; rank < best.size(); ++rank) {
    const Continuation& by = best[rank];
    if (at_limit || IsEnd(by.id)) {
      if (rank < settings_.num_beams) End(by, length);
    } else if (next_count < settings_.num_beams) {
      Extend(running_[by.row], by, &next_[next_count++]);
      parents_.push_back(by.row);
      tokens_.push_back(by.id);
    }
  }
  std::swap(running_, next_);
  running_count_ = next_count;
  done_ = running_count_ == 0 || CanStop(length);
}

void BeamSearch::AdvanceBest(std::span<const int32_t> ids) { CHECK(!needs_all_logits()); }

void BeamSearch::OfferRow(uint32_t row, std::span<float> scores) {
  const Beam& beam = running_[row];
  if (!LogSoftmax(scores)) {
    logits_are_broken_ = true;
    return;
  }
  processors_.Apply(beam.ids, scores);
  if (!warpers_) {
    if (settings_.renormalize_logits) LogSoftmax(scores);
    best_.OfferRow(scores, beam.total, row);
    return;
  }
  // The largest of ln p - ln(Exp(1)) are draws without replacement in proportion to p; ln p may
  // lack a constant.
  for (const SampleCandidate& candidate : warpers_->Apply(scores)) {
    const float total = candidate.score + beam.total;
    if (!(total > kForbidden)) continue;
    const double order = total - std::log(-std::log(random_.Uniform()));
    best_.Offer({order, total, candidate.score, row, candidate.id});
  }
}

void BeamSearch::Extend(const Beam& from, const Continuation& by, Beam* to) {
  to->ids.assign(from.ids.begin(), from.ids.end());
  to->ids.push_back(by.id);
  to->scores.assign(from.scores.begin(), from.scores.end());
  to->scores.push_back(by.score);
  to->total = by.total;
}

bool BeamSearch::IsEnd(int32_t id) const {
  return std::ranges::count(settings_.eos_token_ids, id) != 0;
}

float BeamSearch::LengthPower(size_t length) const {
  return static_cast<float>(std::pow(static_cast<double>(length), settings_.length_penalty));
}

void BeamSearch::End(const Continuation& by, size_t length) {
  float score = by.total / LengthPower(length);
  if (std::isnan(score)) score = kForbidden;  // an infinite power of an infinite sum
  size_t place = ended_count_;
  while (place > 0 && ended_[place - 1].total < score) --place;
  if (place == settings_.num_beams) return;
  // The worst one makes room, or the first that is not used yet.
  if (ended_count_ < settings_.num_beams) ++ended_count_;
  const auto begin = ended_.begin();
  std::rotate(begin + static_cast<ptrdiff_t>(place),
              begin + static_cast<ptrdiff_t>(ended_count_) - 1,
              begin + static_cast<ptrdiff_t>(ended_count_));
  Extend(running_[by.row], by, &ended_[place]);
  ended_[place].total = score;
  ended_[place].at_end = IsEnd(by.id);
}

// Whether nothing that runs is likely to become better than what has ended.
bool BeamSearch::CanStop(size_t length) const {
  if (ended_count_ < settings_.num_beams) return false;
  if (settings_.early_stopping == EarlyStopping::kWhenFull) return true;
  const bool reaches_limit =
      settings_.early_stopping == EarlyStopping::kNever && settings_.length_penalty > 0;
  const size_t best_length = reaches_limit ? settings_.max_length - 1 : length;
  return !(running_.front().total / LengthPower(best_length) > ended_.back().total);
}

std::span<const int32_t> BeamSearch::ids(size_t) const { return {}; }

std::span<const float> BeamSearch::logprobs(size_t) const { return {}; }

void BeamSearch::Stop(size_t) { CHECK(can_stream()); }

Result<std::vector<GeneratedSequence>> BeamSearch::Take() {
  CHECK(done_);
  if (ended_count_ == 0) return NoIdLeft(length_, logits_are_broken_);
  std::vector<GeneratedSequence> results;
  const size_t count = std::min(ended_count_, settings_.num_return_sequences);
  results.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Beam& beam = ended_[i];
    GeneratedSequence& result = results.emplace_back();
    result.ids = std::move(beam.ids);
    result.score = beam.total;
    result.logprobs = std::move(beam.scores);
    result.finish_reason = beam.at_end ? FinishReason::kEnd : FinishReason::kLength;
  }
  return results;
}

}  // namespace minnow
