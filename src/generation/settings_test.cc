// SPDX-License-Identifier: Apache-2.0
// Settings: which of several sources counts, the library's defaults, and what is refused.
#include "generation/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "generation/options_json.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr size_t kVocabSize = 100;

GenerationOptions Options(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "");
  EXPECT_TRUE(document.ok()) << document.error().message;
  const auto options = ReadGenerationOptions(document->root());
  EXPECT_TRUE(options.ok()) << options.error().message;
  return *options;
}

const char kIds[] = R"("decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0)";

GenerationSettings Resolve(const std::string& fields, const GenerationLimits& limits = {}) {
  const auto settings =
      ResolveGeneration(Options("{" + std::string(kIds) + fields + "}"), kVocabSize, limits);
  EXPECT_TRUE(settings.ok()) << settings.error().message;
  return settings.ok() ? *settings : GenerationSettings{};
}

std::string ErrorOf(const std::string& fields, const GenerationLimits& limits = {}) {
  const auto settings =
      ResolveGeneration(Options("{" + std::string(kIds) + fields + "}"), kVocabSize, limits);
  if (settings.ok()) return "(accepted)";
  EXPECT_EQ(settings.error().code, Code::kInvalidArgument);
  return settings.error().message;
}

TEST(GenerationSettings, Defaults) {
  const GenerationSettings settings = Resolve("");
  EXPECT_EQ(settings.vocab_size, kVocabSize);
  EXPECT_EQ(settings.max_length, 21u);
  EXPECT_EQ(settings.min_length, 0u);
  EXPECT_FALSE(settings.do_sample);
  EXPECT_EQ(settings.num_beams, 1u);
  EXPECT_EQ(settings.num_return_sequences, 1u);
  EXPECT_EQ(settings.early_stopping, EarlyStopping::kHeuristic);
  EXPECT_EQ(settings.length_penalty, 1);
  EXPECT_EQ(settings.top_k, 50u);
  EXPECT_EQ(settings.temperature, 1);
  EXPECT_EQ(settings.top_p, 1);
  EXPECT_FALSE(settings.min_p.has_value());
  EXPECT_THAT(settings.eos_token_ids, ElementsAre(1));
}

TEST(GenerationSettings, Lengths) {
  EXPECT_EQ(Resolve(R"(, "max_length": 20)").max_length, 20u);
  EXPECT_EQ(Resolve(R"(, "max_new_tokens": 20)").max_length, 21u);
  EXPECT_EQ(Resolve(R"(, "max_new_tokens": 5, "max_length": 50)").max_length, 6u);
  EXPECT_EQ(Resolve(R"(, "min_length": 7)").min_length, 7u);
  EXPECT_EQ(Resolve(R"(, "min_new_tokens": 7, "min_length": 2)").min_length, 8u);
  EXPECT_EQ(Resolve("", {.default_max_new_tokens = 256}).max_length, 257u);
}

TEST(GenerationSettings, RequestBeforeFile) {
  const GenerationOptions request = Options(R"({"num_beams": 2, "max_length": 9, "top_k": 0})");
  const GenerationOptions file = Options(
      R"({"num_beams": 4, "length_penalty": 2, "max_new_tokens": 300, "min_length": 30, "top_k": 7,
          "early_stopping": true, "decoder_start_token_id": 3, "bad_words_ids": [[5]]})");
  const auto settings = ResolveGeneration(Merge(request, file), kVocabSize);
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->num_beams, 2u);
  EXPECT_EQ(settings->length_penalty, 2);
  // The request's length, though the file says it in the other way, which else would win.
  EXPECT_EQ(settings->max_length, 9u);
  EXPECT_EQ(settings->min_length, 30u);
  EXPECT_EQ(settings->top_k, 0u);
  EXPECT_EQ(settings->early_stopping, EarlyStopping::kWhenFull);
  EXPECT_EQ(settings->decoder_start_token_id, 3);
  EXPECT_EQ(settings->bad_words_ids.size(), 1u);
}

// Every field is merged: one that was forgotten would be the file's, or lost.
TEST(GenerationSettings, MergeTakesEveryFieldOver) {
  const char kAll[] = R"({"max_new_tokens": 2, "min_new_tokens": 3, "max_length": 4,
      "min_length": 5, "do_sample": true, "num_beams": 6, "num_return_sequences": 7,
      "early_stopping": "never", "length_penalty": 8, "sequence_bias": [[[1], 9]],
      "encoder_repetition_penalty": 10, "repetition_penalty": 11, "no_repeat_ngram_size": 12,
      "encoder_no_repeat_ngram_size": 13, "bad_words_ids": [[14]], "forced_bos_token_id": 15,
      "forced_eos_token_id": 16, "exponential_decay_length_penalty": [17, 1.5],
      "suppress_tokens": [18], "begin_suppress_tokens": [19], "temperature": 20, "top_k": 21,
      "top_p": 0.22, "min_p": 0.23, "typical_p": 0.24, "epsilon_cutoff": 0.25, "eta_cutoff": 0.26,
      "renormalize_logits": true, "seed": 27, "decoder_start_token_id": 28, "bos_token_id": 29,
      "pad_token_id": 30, "eos_token_id": [31], "presence_penalty": 32, "frequency_penalty": 33,
      "relative_frequency_penalty": 34, "max_time": 35})";
  for (const bool over : {true, false}) {
    const GenerationOptions o = over ? Merge(Options(kAll), {}) : Merge({}, Options(kAll));
    EXPECT_TRUE(o.max_length && o.max_new_tokens && o.min_length && o.min_new_tokens);
    EXPECT_TRUE(o.do_sample && o.num_beams && o.num_return_sequences && o.early_stopping);
    EXPECT_TRUE(o.length_penalty && o.sequence_bias && o.encoder_repetition_penalty);
    EXPECT_TRUE(o.repetition_penalty && o.no_repeat_ngram_size && o.encoder_no_repeat_ngram_size);
    EXPECT_TRUE(o.bad_words_ids && o.forced_bos_token_id && o.forced_eos_token_id);
    EXPECT_TRUE(o.exponential_decay_length_penalty && o.suppress_tokens);
    EXPECT_TRUE(o.begin_suppress_tokens && o.temperature && o.top_k && o.top_p && o.min_p);
    EXPECT_TRUE(o.typical_p && o.epsilon_cutoff && o.eta_cutoff && o.renormalize_logits);
    EXPECT_TRUE(o.seed && o.decoder_start_token_id && o.bos_token_id && o.pad_token_id);
    EXPECT_TRUE(o.eos_token_id && o.presence_penalty && o.frequency_penalty);
    EXPECT_TRUE(o.relative_frequency_penalty && o.max_time);
  }
}

TEST(GenerationSettings, RefusedValues) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(, "do_sample": true, "temperature": 0)", "temperature: 0, expected more than 0"},
      {R"(, "do_sample": true, "temperature": -1)", "temperature: -1"},
      {R"(, "do_sample": true, "temperature": 1e-60)", "temperature: 1e-60"},
      {R"(, "top_p": 1.5)", "top_p: 1.5, expected 0 to 1"},
      {R"(, "top_p": -0.1)", "top_p: -0.1, expected 0 to 1"},
      {R"(, "min_p": 2)", "min_p: 2"},
      {R"(, "do_sample": true, "typical_p": 0)", "typical_p: 0"},
      {R"(, "epsilon_cutoff": 3)", "epsilon_cutoff: 3"},
      {R"(, "eta_cutoff": -3)", "eta_cutoff: -3"},
      {R"(, "top_k": -1)", "top_k: -1, expected 0"},
      {R"(, "num_return_sequences": 2)",
       "num_return_sequences: 2, limit 1 without do_sample and with one beam"},
      {R"(, "num_beams": 2, "num_return_sequences": 3)",
       "num_return_sequences: 3, limit num_beams (2)"},
      {R"(, "do_sample": true, "num_beams": 2, "num_return_sequences": 3)", "num_return_sequences"},
      {R"(, "num_return_sequences": 0)", "num_return_sequences: 0, expected 1 to 16"},
      {R"(, "num_beams": 17)", "num_beams: 17, expected 1 to 16"},
      {R"(, "num_beams": 0)", "num_beams: 0"},
      {R"(, "max_new_tokens": 0)", "max_new_tokens: 0, expected 1 to 4096"},
      {R"(, "max_new_tokens": 4097)", "max_new_tokens: 4097, expected 1 to 4096"},
      {R"(, "max_length": 1)", "max_length: 1, expected 2 to 4097"},
      {R"(, "max_new_tokens": 4096, "num_beams": 5)",
       "max_new_tokens: 4096, times 5 beams or sequences: 20480, limit 16384"},
      {R"(, "min_length": -1)", "min_length: -1"},
      {R"(, "repetition_penalty": 0)", "repetition_penalty: 0, expected more than 0"},
      {R"(, "encoder_repetition_penalty": -2)", "encoder_repetition_penalty: -2"},
      {R"(, "presence_penalty": 1e7)", "presence_penalty: 1e+07, expected -1000000 to 1000000"},
      {R"(, "frequency_penalty": -1e7)", "frequency_penalty: -1e+07, expected -1000000"},
      {R"(, "relative_frequency_penalty": 1e300)", "relative_frequency_penalty: 1e+300"},
      {R"(, "max_time": -1)", "max_time: -1, expected 0 or more seconds"},
      {R"(, "no_repeat_ngram_size": -1)", "no_repeat_ngram_size: -1"},
      {R"(, "bad_words_ids": [[1], []])", "bad_words_ids[1]: empty"},
      {R"(, "bad_words_ids": [[1], [2, 100]])", "bad_words_ids[1][1]: 100, expected 0 to 99"},
      {R"(, "sequence_bias": [[[-1], 2.0]])", "sequence_bias[0][0]: -1"},
      {R"(, "sequence_bias": [[[1], 1e300]])", "sequence_bias[0]: bias"},
      {R"(, "forced_bos_token_id": 100)", "forced_bos_token_id: 100, expected 0 to 99"},
      {R"(, "forced_eos_token_id": [1, -4])", "forced_eos_token_id[1]: -4"},
      {R"(, "suppress_tokens": [5, 100])", "suppress_tokens[1]: 100"},
      {R"(, "begin_suppress_tokens": [-1])", "begin_suppress_tokens[0]: -1"},
      {R"(, "suppress_tokens": [4], "forced_bos_token_id": 4)", "forced_bos_token_id: 4, which"},
      {R"(, "suppress_tokens": [4, 5], "forced_eos_token_id": [5, 4])", "forced_eos_token_id: 5"},
      {R"(, "exponential_decay_length_penalty": [-1, 1.1])",
       "exponential_decay_length_penalty[0]: -1"},
      {R"(, "exponential_decay_length_penalty": [1, 0])", "exponential_decay_length_penalty[1]: 0"},
  };
  for (const auto& [fields, message] : cases) {
    EXPECT_THAT(ErrorOf(fields), StartsWith(message)) << fields;
  }
}

TEST(GenerationSettings, WhatSamplesOnlyIsNotLookedAtElsewhere) {
  EXPECT_EQ(ErrorOf(R"(, "temperature": 0)"), "(accepted)");
  EXPECT_EQ(ErrorOf(R"(, "do_sample": true, "top_p": 0, "num_return_sequences": 3)"), "(accepted)");
}

TEST(GenerationSettings, SpecialIds) {
  const auto resolve = [](const std::string& json) {
    const auto settings = ResolveGeneration(Options(json), kVocabSize);
    return settings.ok() ? std::to_string(settings->decoder_start_token_id)
                         : settings.error().message;
  };
  EXPECT_EQ(resolve(R"({"bos_token_id": 5})"), "5");
  EXPECT_EQ(resolve(R"({"bos_token_id": 5, "decoder_start_token_id": 6})"), "6");
  EXPECT_THAT(resolve(R"({"eos_token_id": 1})"), HasSubstr("decoder_start_token_id"));
  EXPECT_THAT(resolve(R"({"decoder_start_token_id": 100})"), HasSubstr("expected 0 to 99"));
  EXPECT_THAT(resolve(R"({"bos_token_id": 5, "eos_token_id": [1, -1]})"),
              HasSubstr("eos_token_id[1]: -1"));
  EXPECT_THAT(resolve(R"({"bos_token_id": 5, "pad_token_id": 1000})"), HasSubstr("pad_token_id"));
}

TEST(GenerationSettings, TooManyIdsOfSequences) {
  const GenerationLimits limits{.sequence_ids = 4};
  EXPECT_EQ(ErrorOf(R"(, "bad_words_ids": [[2, 3], [4, 5]])", limits), "(accepted)");
  EXPECT_THAT(
      ErrorOf(R"(, "bad_words_ids": [[2, 3], [4, 5]], "sequence_bias": [[[6], 1]])", limits),
      HasSubstr("too many ids"));
}

}  // namespace
}  // namespace minnow
