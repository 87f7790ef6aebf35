// SPDX-License-Identifier: Apache-2.0
#include "generation/processors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "generation/scores.h"

namespace minnow {
namespace {

// Whether `sequence` but for its last id stands at the end of `ids`.
bool EndsWithPrefix(std::span<const int32_t> ids, std::span<const int32_t> sequence) {
  const size_t length = sequence.size() - 1;
  return length <= ids.size() &&
         std::equal(ids.end() - static_cast<ptrdiff_t>(length), ids.end(), sequence.begin());
}

void Forbid(std::span<const int32_t> ids, std::span<float> scores) {
  for (const int32_t id : ids) scores[static_cast<size_t>(id)] = kForbidden;
}

void Force(std::span<const int32_t> ids, std::span<float> scores) {
  std::fill(scores.begin(), scores.end(), kForbidden);
  for (const int32_t id : ids) scores[static_cast<size_t>(id)] = 0;
}

// Forbids what follows, in `text`, the last n - 1 of `ids`.
void ForbidNgrams(std::span<const int32_t> ids, std::span<const int32_t> text, size_t n,
                  std::span<float> scores) {
  if (ids.size() + 1 < n || text.size() < n) return;
  const auto prefix = ids.last(n - 1);
  for (size_t i = 0; i + n <= text.size(); ++i) {
    const auto next = static_cast<size_t>(text[i + n - 1]);
    if (next < scores.size() && std::equal(prefix.begin(), prefix.end(), text.begin() + i)) {
      scores[next] = kForbidden;
    }
  }
}

float Penalized(float score, float penalty) {
  return score < 0 ? score * penalty : score / penalty;
}

// Of entries with the same ids the last one's bias, in the first one's place. By last id; of one
// last id single ids come first, then longer ones by length as the lengths appear: the order in
// which transformers sums them.
std::vector<SequenceBias> OrderedBiases(const std::vector<SequenceBias>& given) {
  std::vector<SequenceBias> biases;
  std::map<std::vector<int32_t>, size_t> places;
  std::map<size_t, size_t> ranks{{1, 0}};
  for (const SequenceBias& item : given) {
    const auto [place, is_new] = places.try_emplace(item.ids, biases.size());
    if (is_new) {
      biases.push_back(item);
      ranks.try_emplace(item.ids.size(), ranks.size());
    } else {
      biases[place->second].bias = item.bias;
    }
  }
  std::ranges::stable_sort(biases, [&ranks](const SequenceBias& a, const SequenceBias& b) {
    if (a.ids.back() != b.ids.back()) return a.ids.back() < b.ids.back();
    return ranks.at(a.ids.size()) < ranks.at(b.ids.size());
  });
  return biases;
}

}  // namespace

ScoreProcessors::ScoreProcessors(const GenerationSettings& settings,
                                 std::span<const int32_t> encoder_ids)
    : settings_(settings), biases_(OrderedBiases(settings.sequence_bias)) {
  if (settings.encoder_no_repeat_ngram_size > 0) {
    encoder_ids_.assign(encoder_ids.begin(), encoder_ids.end());
  }
  if (settings.encoder_repetition_penalty != 1) {
    distinct_encoder_ids_.assign(encoder_ids.begin(), encoder_ids.end());
    std::ranges::sort(distinct_encoder_ids_);
    distinct_encoder_ids_.erase(
        std::unique(distinct_encoder_ids_.begin(), distinct_encoder_ids_.end()),
        distinct_encoder_ids_.end());
    std::erase_if(distinct_encoder_ids_, [&settings](int32_t id) {
      return id < 0 || static_cast<size_t>(id) >= settings.vocab_size;
    });
  }
  for (const auto& word : settings.bad_words_ids) {
    const bool is_end =
        word.size() == 1 && std::ranges::count(settings.eos_token_ids, word.front()) != 0;
    if (!is_end) bad_words_.push_back(word);
  }
  if (settings.repetition_penalty != 1) seen_.resize(settings.vocab_size);
  penalizes_frequency_ = settings.presence_penalty != 0 || settings.frequency_penalty != 0 ||
                         settings.relative_frequency_penalty != 0;
  if (penalizes_frequency_) counts_.resize(settings.vocab_size);
}

bool ScoreProcessors::empty() const {
  const GenerationSettings& s = settings_;
  return biases_.empty() && distinct_encoder_ids_.empty() && s.repetition_penalty == 1 &&
         !penalizes_frequency_ && s.no_repeat_ngram_size == 0 && encoder_ids_.empty() &&
         bad_words_.empty() && (s.min_length == 0 || s.eos_token_ids.empty()) &&
         !s.forced_bos_token_id && s.forced_eos_token_ids.empty() &&
         !s.exponential_decay_length_penalty && s.suppress_tokens.empty() &&
         s.begin_suppress_tokens.empty();
}

void ScoreProcessors::Apply(std::span<const int32_t> ids, std::span<float> scores) {
  const GenerationSettings& s = settings_;
  AddBiases(ids, scores);
  // The inverse: ids of the input are favoured where the penalty is above 1.
  const auto encoder_penalty = static_cast<float>(1 / s.encoder_repetition_penalty);
  for (const int32_t id : distinct_encoder_ids_) {
    float& score = scores[static_cast<size_t>(id)];
    score = Penalized(score, encoder_penalty);
  }
  if (s.repetition_penalty != 1) PenalizeRepetition(ids, scores);
  if (penalizes_frequency_) PenalizeFrequency(ids, scores);
  if (s.no_repeat_ngram_size > 0) ForbidNgrams(ids, ids, s.no_repeat_ngram_size, scores);
  if (s.encoder_no_repeat_ngram_size > 0) {
    ForbidNgrams(ids, encoder_ids_, s.encoder_no_repeat_ngram_size, scores);
  }
  ForbidWords(ids, scores);
  ForceEnds(ids.size(), scores);
  if (s.exponential_decay_length_penalty) RaiseEnd(ids.size(), scores);
  Forbid(s.suppress_tokens, scores);
  const size_t first_free = s.forced_bos_token_id ? 2 : 1;
  if (ids.size() == first_free) Forbid(s.begin_suppress_tokens, scores);
}

void ScoreProcessors::AddBiases(std::span<const int32_t> ids, std::span<float> scores) const {
  for (size_t i = 0; i < biases_.size();) {
    const int32_t last = biases_[i].ids.back();
    float sum = 0;
    for (; i < biases_.size() && biases_[i].ids.back() == last; ++i) {
      if (EndsWithPrefix(ids, biases_[i].ids)) sum += biases_[i].bias;
    }
    scores[static_cast<size_t>(last)] += sum;
  }
}

void ScoreProcessors::PenalizeRepetition(std::span<const int32_t> ids, std::span<float> scores) {
  const auto penalty = static_cast<float>(settings_.repetition_penalty);
  ++round_;
  for (const int32_t id : ids) {
    const auto at = static_cast<size_t>(id);
    if (seen_[at] == round_) continue;
    seen_[at] = round_;
    scores[at] = Penalized(scores[at], penalty);
  }
}

// The start id is no text, but has its share of the ids.
void ScoreProcessors::PenalizeFrequency(std::span<const int32_t> ids, std::span<float> scores) {
  const GenerationSettings& s = settings_;
  const double share = s.relative_frequency_penalty / static_cast<double>(ids.size());
  if (!ids.empty()) scores[static_cast<size_t>(ids.front())] -= static_cast<float>(share);
  const auto text = ids.subspan(std::min<size_t>(ids.size(), 1));
  for (const int32_t id : text) ++counts_[static_cast<size_t>(id)];
  for (const int32_t id : text) {
    const uint32_t count = std::exchange(counts_[static_cast<size_t>(id)], 0);
    if (count == 0) continue;  // it was there before
    scores[static_cast<size_t>(id)] -= static_cast<float>(
        s.presence_penalty + (s.frequency_penalty + share) * static_cast<double>(count));
  }
}

void ScoreProcessors::ForbidWords(std::span<const int32_t> ids, std::span<float> scores) const {
  for (const auto& word : bad_words_) {
    if (EndsWithPrefix(ids, word)) scores[static_cast<size_t>(word.back())] = kForbidden;
  }
}

void ScoreProcessors::ForceEnds(size_t length, std::span<float> scores) const {
  const GenerationSettings& s = settings_;
  if (length < s.min_length) Forbid(s.eos_token_ids, scores);
  if (s.forced_bos_token_id && length == 1) Force(std::span(&*s.forced_bos_token_id, 1), scores);
  if (!s.forced_eos_token_ids.empty() && length + 1 == s.max_length) {
    Force(s.forced_eos_token_ids, scores);
  }
}

void ScoreProcessors::RaiseEnd(size_t length, std::span<float> scores) const {
  const ExponentialDecay& decay = *settings_.exponential_decay_length_penalty;
  const size_t start = static_cast<size_t>(decay.start) + 1;
  if (length <= start) return;
  const double growth = std::pow(decay.factor, static_cast<double>(length - start)) - 1;
  const auto scale =
      static_cast<float>(std::min<double>(growth, std::numeric_limits<float>::max()));
  for (const int32_t id : settings_.eos_token_ids) {
    float& score = scores[static_cast<size_t>(id)];
    if (std::isfinite(score)) score += std::abs(score) * scale;
  }
}

}  // namespace minnow
