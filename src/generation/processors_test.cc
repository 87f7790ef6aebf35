// SPDX-License-Identifier: Apache-2.0
// Each score processor by hand. All of them together: tests/golden/generation_test.cc.
#include "generation/processors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

constexpr float kNo = -std::numeric_limits<float>::infinity();
constexpr int32_t kStart = 0, kEnd = 1;

// Settings that do nothing, for a vocabulary of 6.
GenerationSettings Plain() {
  GenerationSettings settings;
  settings.vocab_size = 6;
  settings.decoder_start_token_id = kStart;
  settings.eos_token_ids = {kEnd};
  settings.max_length = 10;
  return settings;
}

std::vector<float> Apply(const GenerationSettings& settings, const std::vector<int32_t>& ids,
                         std::vector<float> scores = {-1, -2, 3, 4, 0, 6},
                         const std::vector<int32_t>& encoder_ids = {}) {
  ScoreProcessors processors(settings, encoder_ids);
  EXPECT_FALSE(processors.empty());
  processors.Apply(ids, scores);
  return scores;
}

TEST(ScoreProcessors, DoNothingByDefault) {
  const GenerationSettings settings = Plain();
  ScoreProcessors processors(settings, std::vector<int32_t>{2, 3});
  EXPECT_TRUE(processors.empty());
  std::vector<float> scores{-1, -2, 3, 4, 0, 6};
  processors.Apply(std::vector<int32_t>{kStart, 2}, scores);
  EXPECT_THAT(scores, ElementsAre(-1, -2, 3, 4, 0, 6));
}

TEST(ScoreProcessors, SequenceBias) {
  GenerationSettings settings = Plain();
  settings.sequence_bias = {{{2}, 10},     {{4, 2}, 5}, {{3, 4, 2}, 1},
                            {{3, 2}, 100}, {{5}, 7},    {{5}, -1}};
  EXPECT_THAT(Apply(settings, {kStart, 3, 4}), ElementsAre(-1, -2, 19, 4, 0, 5));
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(-1, -2, 13, 4, 0, 5));
}

TEST(ScoreProcessors, EncoderRepetitionPenaltyFavoursTheInput) {
  GenerationSettings settings = Plain();
  settings.encoder_repetition_penalty = 2;
  EXPECT_THAT(Apply(settings, {kStart}, {-1, -2, 3, 4, 0, 6}, {3, 0, 3, 4, 77, -5}),
              ElementsAre(-0.5, -2, 3, 8, 0, 6));
}

TEST(ScoreProcessors, RepetitionPenaltyCountsEachIdOnceAndTheStart) {
  GenerationSettings settings = Plain();
  settings.repetition_penalty = 2;
  EXPECT_THAT(Apply(settings, {kStart, 3, 3, 1}, {-1, -2, 3, 4, 0, 6}, {5}),
              ElementsAre(-2, -4, 3, 2, 0, 6));
  // In a second step ids are fresh again.
  ScoreProcessors processors(settings, {});
  std::vector<float> scores(6, 8);
  processors.Apply(std::vector<int32_t>{kStart, 3}, scores);
  processors.Apply(std::vector<int32_t>{kStart, 3}, scores);
  EXPECT_THAT(scores, ElementsAre(2, 8, 8, 2, 8, 8));
}

TEST(ScoreProcessors, PenaltiesOfPresenceAndFrequencyLeaveTheStartOut) {
  GenerationSettings settings = Plain();
  settings.presence_penalty = 0.5;
  settings.frequency_penalty = 2;
  EXPECT_THAT(Apply(settings, {kStart, 3, 3, 1}), ElementsAre(-1, -4.5, 3, -0.5, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(-1, -2, 3, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, kStart}), ElementsAre(-3.5, -2, 3, 4, 0, 6));
  settings.presence_penalty = -1;
  settings.frequency_penalty = 0;
  EXPECT_THAT(Apply(settings, {kStart, 3, 3, 1}), ElementsAre(-1, -1, 3, 5, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, 3}, {kNo, -2, 3, kNo, 0, 6}),
              ElementsAre(kNo, -2, 3, kNo, 0, 6));
  // In a second step they are counted afresh.
  ScoreProcessors processors(settings, {});
  std::vector<float> scores(6, 8);
  processors.Apply(std::vector<int32_t>{kStart, 3}, scores);
  processors.Apply(std::vector<int32_t>{kStart, 3, 4}, scores);
  EXPECT_THAT(scores, ElementsAre(8, 8, 8, 10, 9, 8));
}

TEST(ScoreProcessors, RelativeFrequencyIsOfAllIds) {
  GenerationSettings settings = Plain();
  settings.relative_frequency_penalty = 2;
  EXPECT_THAT(Apply(settings, {kStart, 3, 3, 1}), ElementsAre(-1.5, -2.5, 3, 3, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(-3, -2, 3, 4, 0, 6));
}

TEST(ScoreProcessors, NoRepeatNgram) {
  GenerationSettings settings = Plain();
  settings.no_repeat_ngram_size = 2;
  EXPECT_THAT(Apply(settings, {kStart, 2, 3, 2, 4, 2}), ElementsAre(-1, -2, 3, kNo, kNo, 6));
  EXPECT_THAT(Apply(settings, {kStart, 2, kStart}), ElementsAre(-1, -2, kNo, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(-1, -2, 3, 4, 0, 6));
  settings.no_repeat_ngram_size = 1;
  EXPECT_THAT(Apply(settings, {kStart, 5}), ElementsAre(kNo, -2, 3, 4, 0, kNo));
  settings.no_repeat_ngram_size = 100;
  EXPECT_THAT(Apply(settings, {kStart, 5}), ElementsAre(-1, -2, 3, 4, 0, 6));
}

TEST(ScoreProcessors, EncoderNoRepeatNgram) {
  GenerationSettings settings = Plain();
  settings.encoder_no_repeat_ngram_size = 3;
  const std::vector<float> scores{-1, -2, 3, 4, 0, 6};
  EXPECT_THAT(Apply(settings, {kStart, 2, 3}, scores, {2, 3, 5, 2, 3, 4, 2, 3, 99}),
              ElementsAre(-1, -2, 3, 4, kNo, kNo));
  EXPECT_THAT(Apply(settings, {3}, scores, {2, 3, 5}), ElementsAre(-1, -2, 3, 4, 0, 6));
}

TEST(ScoreProcessors, BadWordsButForTheEnd) {
  GenerationSettings settings = Plain();
  settings.bad_words_ids = {{kEnd}, {4}, {3, 5}, {2, 3, 2}, {5, 0}};
  EXPECT_THAT(Apply(settings, {kStart, 2, 3}), ElementsAre(-1, -2, kNo, 4, kNo, kNo));
  EXPECT_THAT(Apply(settings, {5}), ElementsAre(kNo, -2, 3, 4, kNo, 6));
}

TEST(ScoreProcessors, MinLengthForbidsTheEnd) {
  GenerationSettings settings = Plain();
  settings.min_length = 3;
  EXPECT_THAT(Apply(settings, {kStart, 2}), ElementsAre(-1, kNo, 3, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, 2, 2}), ElementsAre(-1, -2, 3, 4, 0, 6));
}

TEST(ScoreProcessors, ForcedFirstAndLastIds) {
  GenerationSettings settings = Plain();
  settings.forced_bos_token_id = 4;
  settings.forced_eos_token_ids = {1, 2};
  settings.max_length = 4;
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(kNo, kNo, kNo, kNo, 0, kNo));
  EXPECT_THAT(Apply(settings, {kStart, 4}), ElementsAre(-1, -2, 3, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, 4, 5}), ElementsAre(kNo, 0, 0, kNo, kNo, kNo));
}

TEST(ScoreProcessors, ExponentialDecayRaisesTheEnd) {
  GenerationSettings settings = Plain();
  settings.exponential_decay_length_penalty = ExponentialDecay{1, 2};
  EXPECT_THAT(Apply(settings, {kStart, 2}), ElementsAre(-1, -2, 3, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, 2, 2}), ElementsAre(-1, 0, 3, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, 2, 2, 2}), ElementsAre(-1, 4, 3, 4, 0, 6));
  EXPECT_THAT(Apply(settings, {kStart, 2, 2}, {0, kNo, 0, 0, 0, 0}),
              ElementsAre(0, kNo, 0, 0, 0, 0));
  // 1e300 ^ 3 is no double: neither NaN nor a fault.
  settings.exponential_decay_length_penalty = ExponentialDecay{0, 1e300};
  EXPECT_THAT(Apply(settings, {kStart, 2, 2, 2}, {0, 0, 0, 0, 0, 0}),
              ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(ScoreProcessors, SuppressedIds) {
  GenerationSettings settings = Plain();
  settings.suppress_tokens = {5};
  settings.begin_suppress_tokens = {2, 3};
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(-1, -2, kNo, kNo, 0, kNo));
  EXPECT_THAT(Apply(settings, {kStart, 2}), ElementsAre(-1, -2, 3, 4, 0, kNo));
  // A forced first id moves the beginning.
  settings.forced_bos_token_id = 4;
  EXPECT_THAT(Apply(settings, {kStart, 4}), ElementsAre(-1, -2, kNo, kNo, 0, kNo));
}

// A bias is added before the penalty, and what is forbidden stays so.
TEST(ScoreProcessors, Order) {
  GenerationSettings settings = Plain();
  settings.sequence_bias = {{{2}, 5}, {{3}, 5}};
  settings.repetition_penalty = 4;
  settings.bad_words_ids = {{3}};
  settings.forced_bos_token_id = 3;
  EXPECT_THAT(Apply(settings, {kStart}), ElementsAre(kNo, kNo, kNo, 0, kNo, kNo));
  EXPECT_THAT(Apply(settings, {kStart, 2}), ElementsAre(-4, -2, 2, kNo, 0, 6));
}

}  // namespace
}  // namespace minnow
