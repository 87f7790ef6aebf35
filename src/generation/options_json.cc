// SPDX-License-Identifier: Apache-2.0
#include "generation/options_json.h"

#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace minnow {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int32_t>::min();
constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

Result<int32_t> ReadInt(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t number, value.Int(kLeast, kMost));
  return static_cast<int32_t>(number);
}

Result<bool> ReadBool(const JsonView& value) { return value.Bool(); }

Result<double> ReadNumber(const JsonView& value) { return value.Number(); }

Result<uint64_t> ReadSeed(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t seed, value.Int(0, INT64_MAX));
  return static_cast<uint64_t>(seed);
}

Result<std::vector<int32_t>> ReadIds(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, value.Array());
  std::vector<int32_t> ids;
  ids.reserve(array.size());
  for (const JsonView item : array.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const int32_t id, ReadInt(item));
    ids.push_back(id);
  }
  return ids;
}

Result<std::vector<int32_t>> ReadIdOrIds(const JsonView& value) {
  if (value.is_array()) return ReadIds(value);
  MINNOW_ASSIGN_OR_RETURN(const int32_t id, ReadInt(value));
  return std::vector<int32_t>{id};
}

Result<EarlyStopping> ReadEarlyStopping(const JsonView& value) {
  if (value.type() == JsonType::kBool) {
    return *value.Bool() ? EarlyStopping::kWhenFull : EarlyStopping::kHeuristic;
  }
  if (value.is_string() && *value.String() == "never") return EarlyStopping::kNever;
  return value.Expected("true, false or \"never\"");
}

Result<std::vector<std::vector<int32_t>>> ReadBadWords(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, value.Array());
  std::vector<std::vector<int32_t>> words;
  words.reserve(array.size());
  for (const JsonView item : array.Items()) {
    MINNOW_ASSIGN_OR_RETURN(auto ids, ReadIds(item));
    words.push_back(std::move(ids));
  }
  return words;
}

// [[[id, ...], bias], ...]; of two entries with the same ids the later one counts.
Result<std::vector<SequenceBias>> ReadSequenceBias(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, value.Array());
  std::vector<SequenceBias> biases;
  biases.reserve(array.size());
  for (const JsonView item : array.Items()) {
    if (!item.is_array() || item.size() != 2) return item.Expected("[[ids], bias]");
    MINNOW_ASSIGN_OR_RETURN(auto ids, ReadIds(item.at(0)));
    MINNOW_ASSIGN_OR_RETURN(const double bias, item.at(1).Number());
    biases.push_back({std::move(ids), static_cast<float>(bias)});
  }
  return biases;
}

Result<ExponentialDecay> ReadDecay(const JsonView& value) {
  if (!value.is_array() || value.size() != 2) return value.Expected("[start, factor]");
  MINNOW_ASSIGN_OR_RETURN(const int32_t start, ReadInt(value.at(0)));
  MINNOW_ASSIGN_OR_RETURN(const double factor, value.at(1).Number());
  return ExponentialDecay{start, factor};
}

// Reads fields until one is wrong.
class FieldReader {
 public:
  explicit FieldReader(const JsonView& object) : object_(object) {}

  template <class T>
  void Read(std::string_view name, Result<T> (*read)(const JsonView&), std::optional<T>* field) {
    if (!status_.ok()) return;
    const auto value = object_.Find(name);
    if (!value || value->is_null()) return;
    Result<T> result = read(*value);
    if (result.ok()) {
      *field = std::move(result).value();
    } else {
      status_ = std::move(result).error();
    }
  }

  // A number that may only be absent or `neutral`.
  void Refuse(std::string_view name, double neutral, const char* what) {
    std::optional<double> number;
    Read(name, ReadNumber, &number);
    if (status_.ok() && number && *number != neutral) {
      status_ = object_.Find(name)->Wrong(Code::kUnsupported, what);
    }
  }

  // What may only be absent, null, false or empty.
  void Refuse(std::string_view name, const char* what) {
    if (!status_.ok()) return;
    const auto value = object_.Find(name);
    if (!value || value->is_null()) return;
    if (value->type() == JsonType::kBool && !*value->Bool()) return;
    if ((value->is_array() || value->is_object()) && value->size() == 0) return;
    status_ = value->Wrong(Code::kUnsupported, what);
  }

  Status status() const { return status_; }

 private:
  const JsonView& object_;
  Status status_;
};

template <class Fields>
void RefuseOthers(Fields& fields) {
  fields.Refuse("num_beam_groups", 1, "groups of diverse beams are not supported");
  fields.Refuse("diversity_penalty", 0, "groups of diverse beams are not supported");
  fields.Refuse("penalty_alpha", 0, "contrastive search is not supported");
  fields.Refuse("guidance_scale", 1, "guidance is not supported");
  fields.Refuse("constraints", "constrained beams are not supported");
  fields.Refuse("force_words_ids", "constrained beams are not supported");
  fields.Refuse("watermarking_config", "watermarks are not supported");
  fields.Refuse("dola_layers", "DoLa is not supported");
  fields.Refuse("top_h", "top_h is not supported");
  fields.Refuse("prompt_lookup_num_tokens", "drafts from the prompt are not supported");
}

template <class Fields>
void ReadSpecialIds(Fields& fields, GenerationOptions* options) {
  fields.Read("decoder_start_token_id", ReadInt, &options->decoder_start_token_id);
  fields.Read("bos_token_id", ReadInt, &options->bos_token_id);
  fields.Read("pad_token_id", ReadInt, &options->pad_token_id);
  fields.Read("eos_token_id", ReadIdOrIds, &options->eos_token_id);
}

template <class Fields>
void ReadAll(Fields& fields, GenerationOptions* options) {
  fields.Read("max_length", ReadInt, &options->max_length);
  fields.Read("max_new_tokens", ReadInt, &options->max_new_tokens);
  fields.Read("min_length", ReadInt, &options->min_length);
  fields.Read("min_new_tokens", ReadInt, &options->min_new_tokens);
  fields.Read("do_sample", ReadBool, &options->do_sample);
  fields.Read("num_beams", ReadInt, &options->num_beams);
  fields.Read("num_return_sequences", ReadInt, &options->num_return_sequences);
  fields.Read("early_stopping", ReadEarlyStopping, &options->early_stopping);
  fields.Read("length_penalty", ReadNumber, &options->length_penalty);
  fields.Read("sequence_bias", ReadSequenceBias, &options->sequence_bias);
  fields.Read("encoder_repetition_penalty", ReadNumber, &options->encoder_repetition_penalty);
  fields.Read("repetition_penalty", ReadNumber, &options->repetition_penalty);
  fields.Read("presence_penalty", ReadNumber, &options->presence_penalty);
  fields.Read("frequency_penalty", ReadNumber, &options->frequency_penalty);
  fields.Read("relative_frequency_penalty", ReadNumber, &options->relative_frequency_penalty);
  fields.Read("no_repeat_ngram_size", ReadInt, &options->no_repeat_ngram_size);
  fields.Read("encoder_no_repeat_ngram_size", ReadInt, &options->encoder_no_repeat_ngram_size);
  fields.Read("bad_words_ids", ReadBadWords, &options->bad_words_ids);
  fields.Read("forced_bos_token_id", ReadInt, &options->forced_bos_token_id);
  fields.Read("forced_eos_token_id", ReadIdOrIds, &options->forced_eos_token_id);
  fields.Read("exponential_decay_length_penalty", ReadDecay,
              &options->exponential_decay_length_penalty);
  fields.Read("suppress_tokens", ReadIds, &options->suppress_tokens);
  fields.Read("begin_suppress_tokens", ReadIds, &options->begin_suppress_tokens);
  fields.Read("temperature", ReadNumber, &options->temperature);
  fields.Read("top_k", ReadInt, &options->top_k);
  fields.Read("top_p", ReadNumber, &options->top_p);
  fields.Read("min_p", ReadNumber, &options->min_p);
  fields.Read("typical_p", ReadNumber, &options->typical_p);
  fields.Read("epsilon_cutoff", ReadNumber, &options->epsilon_cutoff);
  fields.Read("eta_cutoff", ReadNumber, &options->eta_cutoff);
  fields.Read("renormalize_logits", ReadBool, &options->renormalize_logits);
  fields.Read("seed", ReadSeed, &options->seed);
  fields.Read("max_time", ReadNumber, &options->max_time);
  ReadSpecialIds(fields, options);
  RefuseOthers(fields);
}

// Reads nothing: looks for a field's name.
class NameFinder {
 public:
  explicit NameFinder(std::string_view name) : name_(name) {}

  template <class T>
  void Read(std::string_view name, Result<T> (*)(const JsonView&), std::optional<T>*) {
    found_ |= name == name_;
  }
  void Refuse(std::string_view name, double, const char*) { found_ |= name == name_; }
  void Refuse(std::string_view name, const char*) { found_ |= name == name_; }

  bool found() const { return found_; }

 private:
  const std::string_view name_;
  bool found_ = false;
};

}  // namespace

bool IsGenerationField(std::string_view name) {
  GenerationOptions options;
  NameFinder finder(name);
  ReadAll(finder, &options);
  return finder.found();
}

Result<GenerationOptions> ReadGenerationOptions(const JsonView& object) {
  MINNOW_RETURN_IF_ERROR(object.Object());
  GenerationOptions options;
  FieldReader fields(object);
  ReadAll(fields, &options);
  MINNOW_RETURN_IF_ERROR(fields.status());
  return options;
}

Result<GenerationOptions> ReadModelOptions(const std::optional<JsonView>& generation_config,
                                           const JsonView& config) {
  if (!generation_config) return ReadGenerationOptions(config);
  MINNOW_ASSIGN_OR_RETURN(const GenerationOptions options,
                          ReadGenerationOptions(*generation_config));
  MINNOW_RETURN_IF_ERROR(config.Object());
  GenerationOptions special_ids;
  FieldReader fields(config);
  ReadSpecialIds(fields, &special_ids);
  MINNOW_RETURN_IF_ERROR(fields.status());
  return Merge(options, special_ids);
}

}  // namespace minnow
