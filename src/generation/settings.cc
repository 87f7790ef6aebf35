// SPDX-License-Identifier: Apache-2.0
#include "generation/settings.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

namespace minnow {
namespace {

template <class T>
void TakeOver(const std::optional<T>& over, std::optional<T>* value) {
  if (over.has_value()) *value = over;
}

template <class T>
Error OutOfRange(const char* field, const T& value, const std::string& limit) {
  std::ostringstream message;
  message << field << ": " << value << ", " << limit;
  return Error{Code::kInvalidArgument, message.str()};
}

std::string Between(int64_t least, int64_t most) {
  return "expected " + std::to_string(least) + " to " + std::to_string(most);
}

Status CheckInt(const char* field, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most) return OutOfRange(field, value, Between(least, most));
  return {};
}

Status CheckProbability(const char* field, double value) {
  if (!(value >= 0 && value <= 1)) return OutOfRange(field, value, Between(0, 1));
  return {};
}

Status CheckPositive(const char* field, double value) {
  // Scores are floats: so must be what divides them.
  if (!(static_cast<float>(value) > 0) || !std::isfinite(static_cast<float>(value))) {
    return OutOfRange(field, value, "expected more than 0");
  }
  return {};
}

// What is taken from scores, maybe as often as a text is long, and leaves them finite.
Status CheckSubtrahend(const char* field, double value) {
  constexpr double kMost = 1e6;
  if (!(value >= -kMost && value <= kMost))
    return OutOfRange(field, value, "expected -1000000 to 1000000");
  return {};
}

Status CheckId(const std::string& field, int32_t id, size_t vocab_size) {
  return CheckInt(field.c_str(), id, 0, static_cast<int64_t>(vocab_size) - 1);
}

Status CheckIds(const std::string& field, const std::vector<int32_t>& ids, size_t vocab_size) {
  for (size_t i = 0; i < ids.size(); ++i) {
    MINNOW_RETURN_IF_ERROR(CheckId(field + "[" + std::to_string(i) + "]", ids[i], vocab_size));
  }
  return {};
}

// A sequence of bad_words_ids or sequence_bias.
Status CheckSequence(const std::string& field, const std::vector<int32_t>& ids, size_t vocab_size,
                     size_t* ids_left) {
  if (ids.empty()) return Error{Code::kInvalidArgument, field + ": empty, expected ids"};
  if (ids.size() > *ids_left) {
    return Error{Code::kInvalidArgument,
                 field + ": too many ids in bad_words_ids and sequence_bias together"};
  }
  *ids_left -= ids.size();
  return CheckIds(field, ids, vocab_size);
}

Status ResolveIds(const GenerationOptions& options, GenerationSettings* settings) {
  const size_t vocab_size = settings->vocab_size;
  const auto start =
      options.decoder_start_token_id ? options.decoder_start_token_id : options.bos_token_id;
  if (!start) {
    return Error{Code::kInvalidArgument,
                 "decoder_start_token_id: neither it nor bos_token_id is given"};
  }
  MINNOW_RETURN_IF_ERROR(CheckId("decoder_start_token_id", *start, vocab_size));
  settings->decoder_start_token_id = *start;
  settings->eos_token_ids = options.eos_token_id.value_or(std::vector<int32_t>{});
  MINNOW_RETURN_IF_ERROR(CheckIds("eos_token_id", settings->eos_token_ids, vocab_size));
  if (settings->eos_token_ids.size() > 64) {
    return OutOfRange("eos_token_id", settings->eos_token_ids.size(), "limit 64 ids");
  }
  if (options.pad_token_id) {
    MINNOW_RETURN_IF_ERROR(CheckId("pad_token_id", *options.pad_token_id, vocab_size));
    settings->pad_token_id = options.pad_token_id;
  }
  return {};
}

Status ResolveLengths(const GenerationOptions& options, const GenerationLimits& limits,
                      GenerationSettings* settings) {
  int64_t new_tokens = limits.default_max_new_tokens;
  if (options.max_new_tokens) {
    MINNOW_RETURN_IF_ERROR(
        CheckInt("max_new_tokens", *options.max_new_tokens, 1, limits.max_new_tokens));
    new_tokens = *options.max_new_tokens;
  } else if (options.max_length) {
    MINNOW_RETURN_IF_ERROR(
        CheckInt("max_length", *options.max_length, 2, int64_t{limits.max_new_tokens} + 1));
    new_tokens = int64_t{*options.max_length} - 1;
  }
  settings->max_length = static_cast<size_t>(new_tokens) + 1;
  // A minimum beyond the maximum only means that the text ends there.
  const int32_t min_length = options.min_length.value_or(0);
  const int32_t min_new_tokens = options.min_new_tokens.value_or(0);
  MINNOW_RETURN_IF_ERROR(CheckInt("min_length", min_length, 0, INT32_MAX));
  MINNOW_RETURN_IF_ERROR(CheckInt("min_new_tokens", min_new_tokens, 0, INT32_MAX));
  settings->min_length = options.min_new_tokens ? static_cast<size_t>(min_new_tokens) + 1
                                                : static_cast<size_t>(min_length);
  return {};
}

Status ResolveSearch(const GenerationOptions& options, const GenerationLimits& limits,
                     GenerationSettings* settings) {
  const int32_t beams = options.num_beams.value_or(1);
  const int32_t sequences = options.num_return_sequences.value_or(1);
  settings->do_sample = options.do_sample.value_or(false);
  MINNOW_RETURN_IF_ERROR(CheckInt("num_beams", beams, 1, limits.num_beams));
  MINNOW_RETURN_IF_ERROR(
      CheckInt("num_return_sequences", sequences, 1, limits.num_return_sequences));
  if (beams == 1 && !settings->do_sample && sequences > 1) {
    return OutOfRange("num_return_sequences", sequences,
                      "limit 1 without do_sample and with one beam");
  }
  if (beams > 1 && sequences > beams) {
    return OutOfRange("num_return_sequences", sequences,
                      "limit num_beams (" + std::to_string(beams) + ")");
  }
  settings->num_beams = static_cast<size_t>(beams);
  settings->num_return_sequences = static_cast<size_t>(sequences);
  const size_t rows = std::max(settings->num_beams, settings->num_return_sequences);
  const auto all = static_cast<int64_t>(rows * (settings->max_length - 1));
  if (all > limits.new_tokens_of_all_rows) {
    return OutOfRange("max_new_tokens", settings->max_length - 1,
                      "times " + std::to_string(rows) +
                          " beams or sequences: " + std::to_string(all) + ", limit " +
                          std::to_string(limits.new_tokens_of_all_rows));
  }
  settings->early_stopping = options.early_stopping.value_or(EarlyStopping::kHeuristic);
  settings->length_penalty = options.length_penalty.value_or(1);
  if (!std::isfinite(settings->length_penalty)) {
    return OutOfRange("length_penalty", settings->length_penalty, "expected a finite number");
  }
  return {};
}

Status ResolveSequences(const GenerationOptions& options, const GenerationLimits& limits,
                        GenerationSettings* settings) {
  size_t ids_left = limits.sequence_ids;
  settings->bad_words_ids = options.bad_words_ids.value_or(std::vector<std::vector<int32_t>>{});
  for (size_t i = 0; i < settings->bad_words_ids.size(); ++i) {
    MINNOW_RETURN_IF_ERROR(CheckSequence("bad_words_ids[" + std::to_string(i) + "]",
                                         settings->bad_words_ids[i], settings->vocab_size,
                                         &ids_left));
  }
  settings->sequence_bias = options.sequence_bias.value_or(std::vector<SequenceBias>{});
  for (size_t i = 0; i < settings->sequence_bias.size(); ++i) {
    const std::string field = "sequence_bias[" + std::to_string(i) + "]";
    const SequenceBias& item = settings->sequence_bias[i];
    MINNOW_RETURN_IF_ERROR(CheckSequence(field, item.ids, settings->vocab_size, &ids_left));
    if (!std::isfinite(item.bias)) {
      return Error{Code::kInvalidArgument, field + ": bias is not a finite number"};
    }
  }
  return {};
}

Status ResolvePenalties(const GenerationOptions& options, GenerationSettings* settings) {
  settings->repetition_penalty = options.repetition_penalty.value_or(1);
  settings->encoder_repetition_penalty = options.encoder_repetition_penalty.value_or(1);
  MINNOW_RETURN_IF_ERROR(CheckPositive("repetition_penalty", settings->repetition_penalty));
  MINNOW_RETURN_IF_ERROR(
      CheckPositive("encoder_repetition_penalty", settings->encoder_repetition_penalty));
  settings->presence_penalty = options.presence_penalty.value_or(0);
  settings->frequency_penalty = options.frequency_penalty.value_or(0);
  settings->relative_frequency_penalty = options.relative_frequency_penalty.value_or(0);
  MINNOW_RETURN_IF_ERROR(CheckSubtrahend("presence_penalty", settings->presence_penalty));
  MINNOW_RETURN_IF_ERROR(CheckSubtrahend("frequency_penalty", settings->frequency_penalty));
  return CheckSubtrahend("relative_frequency_penalty", settings->relative_frequency_penalty);
}

Status ResolveProcessors(const GenerationOptions& options, GenerationSettings* settings) {
  const size_t vocab_size = settings->vocab_size;
  const int32_t ngram = options.no_repeat_ngram_size.value_or(0);
  const int32_t encoder_ngram = options.encoder_no_repeat_ngram_size.value_or(0);
  MINNOW_RETURN_IF_ERROR(CheckInt("no_repeat_ngram_size", ngram, 0, INT32_MAX));
  MINNOW_RETURN_IF_ERROR(CheckInt("encoder_no_repeat_ngram_size", encoder_ngram, 0, INT32_MAX));
  settings->no_repeat_ngram_size = static_cast<size_t>(ngram);
  settings->encoder_no_repeat_ngram_size = static_cast<size_t>(encoder_ngram);
  if (options.forced_bos_token_id) {
    MINNOW_RETURN_IF_ERROR(
        CheckId("forced_bos_token_id", *options.forced_bos_token_id, vocab_size));
    settings->forced_bos_token_id = options.forced_bos_token_id;
  }
  const std::vector<int32_t> none;
  settings->forced_eos_token_ids = options.forced_eos_token_id.value_or(none);
  settings->suppress_tokens = options.suppress_tokens.value_or(none);
  settings->begin_suppress_tokens = options.begin_suppress_tokens.value_or(none);
  MINNOW_RETURN_IF_ERROR(
      CheckIds("forced_eos_token_id", settings->forced_eos_token_ids, vocab_size));
  MINNOW_RETURN_IF_ERROR(CheckIds("suppress_tokens", settings->suppress_tokens, vocab_size));
  MINNOW_RETURN_IF_ERROR(
      CheckIds("begin_suppress_tokens", settings->begin_suppress_tokens, vocab_size));
  if (options.exponential_decay_length_penalty) {
    const ExponentialDecay& decay = *options.exponential_decay_length_penalty;
    MINNOW_RETURN_IF_ERROR(
        CheckInt("exponential_decay_length_penalty[0]", decay.start, 0, INT32_MAX));
    MINNOW_RETURN_IF_ERROR(CheckPositive("exponential_decay_length_penalty[1]", decay.factor));
    settings->exponential_decay_length_penalty = decay;
  }
  return {};
}

// An id that is forced and suppressed at once would leave none.
Status CheckForced(const GenerationSettings& settings) {
  const auto suppressed = [&settings](int32_t id) {
    return std::ranges::count(settings.suppress_tokens, id) != 0;
  };
  if (settings.forced_bos_token_id && suppressed(*settings.forced_bos_token_id)) {
    return OutOfRange("forced_bos_token_id", *settings.forced_bos_token_id,
                      "which suppress_tokens forbids");
  }
  const auto& eos = settings.forced_eos_token_ids;
  if (!eos.empty() && std::ranges::all_of(eos, suppressed)) {
    return OutOfRange("forced_eos_token_id", eos.front(), "which suppress_tokens forbids");
  }
  return {};
}

Status ResolveSampling(const GenerationOptions& options, GenerationSettings* settings) {
  constexpr int32_t kDefaultTopK = 50;
  settings->renormalize_logits = options.renormalize_logits.value_or(false);
  settings->seed = options.seed.value_or(0);
  settings->temperature = options.temperature.value_or(1);
  settings->top_p = options.top_p.value_or(1);
  settings->min_p = options.min_p;
  settings->typical_p = options.typical_p.value_or(1);
  settings->epsilon_cutoff = options.epsilon_cutoff.value_or(0);
  settings->eta_cutoff = options.eta_cutoff.value_or(0);
  const int32_t top_k = options.top_k.value_or(kDefaultTopK);
  MINNOW_RETURN_IF_ERROR(CheckInt("top_k", top_k, 0, INT32_MAX));
  settings->top_k = static_cast<size_t>(top_k);
  if (settings->do_sample) {
    MINNOW_RETURN_IF_ERROR(CheckPositive("temperature", settings->temperature));
    if (!(settings->typical_p > 0)) {
      return OutOfRange("typical_p", settings->typical_p, "expected more than 0");
    }
  }
  MINNOW_RETURN_IF_ERROR(CheckProbability("top_p", settings->top_p));
  MINNOW_RETURN_IF_ERROR(CheckProbability("min_p", settings->min_p.value_or(0)));
  MINNOW_RETURN_IF_ERROR(CheckProbability("typical_p", settings->typical_p));
  MINNOW_RETURN_IF_ERROR(CheckProbability("epsilon_cutoff", settings->epsilon_cutoff));
  return CheckProbability("eta_cutoff", settings->eta_cutoff);
}

}  // namespace

GenerationOptions Merge(const GenerationOptions& over, const GenerationOptions& under) {
  GenerationOptions merged = under;
  if (over.max_length || over.max_new_tokens) merged.max_length = merged.max_new_tokens = {};
  if (over.min_length || over.min_new_tokens) merged.min_length = merged.min_new_tokens = {};
  TakeOver(over.max_length, &merged.max_length);
  TakeOver(over.max_new_tokens, &merged.max_new_tokens);
  TakeOver(over.min_length, &merged.min_length);
  TakeOver(over.min_new_tokens, &merged.min_new_tokens);
  TakeOver(over.do_sample, &merged.do_sample);
  TakeOver(over.num_beams, &merged.num_beams);
  TakeOver(over.num_return_sequences, &merged.num_return_sequences);
  TakeOver(over.early_stopping, &merged.early_stopping);
  TakeOver(over.length_penalty, &merged.length_penalty);
  TakeOver(over.sequence_bias, &merged.sequence_bias);
  TakeOver(over.encoder_repetition_penalty, &merged.encoder_repetition_penalty);
  TakeOver(over.repetition_penalty, &merged.repetition_penalty);
  TakeOver(over.presence_penalty, &merged.presence_penalty);
  TakeOver(over.frequency_penalty, &merged.frequency_penalty);
  TakeOver(over.relative_frequency_penalty, &merged.relative_frequency_penalty);
  TakeOver(over.no_repeat_ngram_size, &merged.no_repeat_ngram_size);
  TakeOver(over.encoder_no_repeat_ngram_size, &merged.encoder_no_repeat_ngram_size);
  TakeOver(over.bad_words_ids, &merged.bad_words_ids);
  TakeOver(over.forced_bos_token_id, &merged.forced_bos_token_id);
  TakeOver(over.forced_eos_token_id, &merged.forced_eos_token_id);
  TakeOver(over.exponential_decay_length_penalty, &merged.exponential_decay_length_penalty);
  TakeOver(over.suppress_tokens, &merged.suppress_tokens);
  TakeOver(over.begin_suppress_tokens, &merged.begin_suppress_tokens);
  TakeOver(over.temperature, &merged.temperature);
  TakeOver(over.top_k, &merged.top_k);
  TakeOver(over.top_p, &merged.top_p);
  TakeOver(over.min_p, &merged.min_p);
  TakeOver(over.typical_p, &merged.typical_p);
  TakeOver(over.epsilon_cutoff, &merged.epsilon_cutoff);
  TakeOver(over.eta_cutoff, &merged.eta_cutoff);
  TakeOver(over.renormalize_logits, &merged.renormalize_logits);
  TakeOver(over.seed, &merged.seed);
  TakeOver(over.max_time, &merged.max_time);
  TakeOver(over.decoder_start_token_id, &merged.decoder_start_token_id);
  TakeOver(over.bos_token_id, &merged.bos_token_id);
  TakeOver(over.pad_token_id, &merged.pad_token_id);
  TakeOver(over.eos_token_id, &merged.eos_token_id);
  return merged;
}

Result<GenerationSettings> ResolveGeneration(const GenerationOptions& options, size_t vocab_size,
                                             const GenerationLimits& limits) {
  GenerationSettings settings;
  settings.vocab_size = vocab_size;
  MINNOW_RETURN_IF_ERROR(ResolveIds(options, &settings));
  MINNOW_RETURN_IF_ERROR(ResolveLengths(options, limits, &settings));
  MINNOW_RETURN_IF_ERROR(ResolveSearch(options, limits, &settings));
  MINNOW_RETURN_IF_ERROR(ResolveSequences(options, limits, &settings));
  MINNOW_RETURN_IF_ERROR(ResolvePenalties(options, &settings));
  MINNOW_RETURN_IF_ERROR(ResolveProcessors(options, &settings));
  if (options.max_time && !(*options.max_time >= 0))
    return OutOfRange("max_time", *options.max_time, "expected 0 or more seconds");
  settings.max_time = options.max_time;
  MINNOW_RETURN_IF_ERROR(CheckForced(settings));
  MINNOW_RETURN_IF_ERROR(ResolveSampling(options, &settings));
  return settings;
}

}  // namespace minnow
