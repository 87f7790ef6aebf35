// SPDX-License-Identifier: Apache-2.0
// How a text is generated: what a request or a model's file says (GenerationOptions), and what
// follows from all of them together (GenerationSettings).
//
// Names and meanings are those of transformers. Lengths count decoder ids, the start id included,
// but for max_new_tokens and min_new_tokens, which do not count it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"

namespace minnow {

// When a beam search stops, once as many sequences have ended as there are beams.
enum class EarlyStopping {
  kHeuristic,  // false: as soon as the best beam, at its length now, is no better than the worst
  kWhenFull,   // true: at once
  kNever,      // "never": when no beam can become better, up to the greatest length
};

// `bias` is added to the score of the last id after the ids before it.
struct SequenceBias {
  std::vector<int32_t> ids;  // one or more
  float bias = 0;
};

// From `start` new tokens on, the score s of the end grows by |s| (factor^n - 1), n = 1, 2, ...
struct ExponentialDecay {
  int32_t start = 0;
  double factor = 1;
};

// Absent: not said here.
struct GenerationOptions {
  std::optional<int32_t> max_length, max_new_tokens, min_length, min_new_tokens;
  std::optional<bool> do_sample;
  std::optional<int32_t> num_beams, num_return_sequences;
  std::optional<EarlyStopping> early_stopping;
  std::optional<double> length_penalty;

  std::optional<std::vector<SequenceBias>> sequence_bias;
  std::optional<double> encoder_repetition_penalty, repetition_penalty;
  // Taken from a score, of an id that is among the new ones: once; for each time that it is there
  // (both as OpenAI has them); and as often as its share of all ids says, the start id among them
  // (TGI's frequency_penalty).
  std::optional<double> presence_penalty, frequency_penalty, relative_frequency_penalty;
  std::optional<int32_t> no_repeat_ngram_size, encoder_no_repeat_ngram_size;
  std::optional<std::vector<std::vector<int32_t>>> bad_words_ids;
  std::optional<int32_t> forced_bos_token_id;
  std::optional<std::vector<int32_t>> forced_eos_token_id;
  std::optional<ExponentialDecay> exponential_decay_length_penalty;
  std::optional<std::vector<int32_t>> suppress_tokens, begin_suppress_tokens;

  std::optional<double> temperature;
  std::optional<int32_t> top_k;
  std::optional<double> top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff;
  std::optional<bool> renormalize_logits;
  std::optional<uint64_t> seed;
  std::optional<double> max_time;  // seconds from a request's arrival; the step then is its last

  std::optional<int32_t> decoder_start_token_id, bos_token_id, pad_token_id;
  std::optional<std::vector<int32_t>> eos_token_id;
};

// Every field of `over` that is said, else that of `under`. Either of max_length and
// max_new_tokens in `over` displaces both of `under`; likewise the two minima.
GenerationOptions Merge(const GenerationOptions& over, const GenerationOptions& under);

// What a server grants.
struct GenerationLimits {
  int32_t num_beams = 16;
  int32_t num_return_sequences = 16;
  int32_t max_new_tokens = 4096;
  // Of a request: max_new_tokens times beams, or times sequences where those are more.
  int64_t new_tokens_of_all_rows = 16384;
  // Ids in bad_words_ids and sequence_bias together: each is looked at in every step.
  size_t sequence_ids = 65536;
  int32_t default_max_new_tokens = 20;  // where nothing says how long a text may get
};

// Checked and complete: ids are in [0, vocab_size), probabilities in [0, 1], and so on.
struct GenerationSettings {
  size_t vocab_size = 0;  // scores in a row of logits
  int32_t decoder_start_token_id = 0;
  std::optional<int32_t> pad_token_id;
  std::vector<int32_t> eos_token_ids;  // may be empty

  size_t max_length = 21;  // at least 2
  size_t min_length = 0;   // the end is forbidden below it
  bool do_sample = false;
  size_t num_beams = 1;
  size_t num_return_sequences = 1;
  EarlyStopping early_stopping = EarlyStopping::kHeuristic;
  double length_penalty = 1;

  // In order of application; the value that stands here does nothing.
  std::vector<SequenceBias> sequence_bias;
  double encoder_repetition_penalty = 1;
  double repetition_penalty = 1;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  double relative_frequency_penalty = 0;
  size_t no_repeat_ngram_size = 0;
  size_t encoder_no_repeat_ngram_size = 0;
  std::vector<std::vector<int32_t>> bad_words_ids;
  std::optional<int32_t> forced_bos_token_id;
  std::vector<int32_t> forced_eos_token_ids;
  std::optional<ExponentialDecay> exponential_decay_length_penalty;
  std::vector<int32_t> suppress_tokens;
  std::vector<int32_t> begin_suppress_tokens;
  // Where do_sample is set.
  double temperature = 1;
  size_t top_k = 0;
  double top_p = 1;
  std::optional<double> min_p;
  double typical_p = 1;
  double epsilon_cutoff = 0;
  double eta_cutoff = 0;
  bool renormalize_logits = false;

  uint64_t seed = 0;
  std::optional<double> max_time;  // for whoever has a clock: a search has none
  // Greedy search and sampling also give each token's log probability: a pass over all logits.
  bool logprobs = false;
};

// `options` filled with the library's defaults and checked. kInvalidArgument names the field, its
// value and the limit.
Result<GenerationSettings> ResolveGeneration(const GenerationOptions& options, size_t vocab_size,
                                             const GenerationLimits& limits = {});

}  // namespace minnow
