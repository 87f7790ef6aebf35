// SPDX-License-Identifier: Apache-2.0
// Searches step by step: rows, parents, ends, streams, logits that are no good, memory. What they
// find is compared with transformers in tests/golden/generation_test.cc.
#include "generation/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "tests/failing_memory.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr float kNo = -std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int32_t kEnd = 1;

GenerationSettings Plain(size_t vocab_size = 5) {
  GenerationSettings settings;
  settings.vocab_size = vocab_size;
  settings.decoder_start_token_id = 0;
  settings.pad_token_id = 0;
  settings.eos_token_ids = {kEnd};
  settings.max_length = 5;
  return settings;
}

GenerationSettings Sampling(size_t sequences) {
  GenerationSettings settings = Plain();
  settings.do_sample = true;
  settings.num_return_sequences = sequences;
  return settings;
}

GenerationSettings Beams(size_t beams) {
  GenerationSettings settings = Plain();
  settings.num_beams = beams;
  return settings;
}

// One step whose rows all have these logits.
void Step(Search& search, const std::vector<float>& row) {
  std::vector<float> logits;
  for (size_t i = 0; i < search.rows(); ++i) logits.insert(logits.end(), row.begin(), row.end());
  search.Advance(logits.data(), row.size());
}

TEST(GreedySearch, TakesTheFirstMaximumUntilTheEnd) {
  const auto search = NewSearch(Plain(), {});
  EXPECT_FALSE(search->needs_all_logits());
  EXPECT_THAT(search->tokens(), ElementsAre(0));
  Step(*search, {0, 1, 3, 3, 2});
  EXPECT_FALSE(search->done());
  EXPECT_THAT(search->tokens(), ElementsAre(2));
  EXPECT_THAT(search->parents(), IsEmpty());
  EXPECT_THAT(search->ids(0), ElementsAre(0, 2));
  Step(*search, {0, 5, 3, 3, 2});
  EXPECT_TRUE(search->done());
  EXPECT_EQ(search->rows(), 0u);
  const auto sequences = search->Take();
  ASSERT_TRUE(sequences.ok());
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 2, kEnd));
  EXPECT_EQ(sequences->at(0).finish_reason, FinishReason::kEnd);
}

TEST(GreedySearch, EndsAtMaxLength) {
  const auto search = NewSearch(Plain(), {});
  for (int i = 0; i < 4; ++i) {
    ASSERT_FALSE(search->done());
    search->AdvanceBest(std::vector<int32_t>{3});
  }
  ASSERT_TRUE(search->done());
  const auto sequences = search->Take();
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 3, 3, 3, 3));
  EXPECT_EQ(sequences->at(0).finish_reason, FinishReason::kLength);
}

TEST(Search, EndsWithTheNextStepWhenTold) {
  const auto greedy = NewSearch(Plain(), {});
  Step(*greedy, {0, 0, 1, 0, 0});
  greedy->EndWithNext();
  EXPECT_FALSE(greedy->done());
  Step(*greedy, {0, 0, 0, 1, 0});
  ASSERT_TRUE(greedy->done());
  const auto one = greedy->Take();
  EXPECT_THAT(one->at(0).ids, ElementsAre(0, 2, 3));
  EXPECT_EQ(one->at(0).finish_reason, FinishReason::kLength);

  const auto beams = NewSearch(Beams(2), {});
  beams->EndWithNext();
  Step(*beams, {0, -5, 2, 1, -9});
  ASSERT_TRUE(beams->done());
  const auto two = beams->Take();
  EXPECT_THAT(two->at(0).ids, ElementsAre(0, 2));
  EXPECT_EQ(two->at(0).finish_reason, FinishReason::kLength);
}

TEST(GreedySearch, LogprobsAreThoseOfTheRawLogits) {
  GenerationSettings settings = Plain(3);
  settings.logprobs = true;
  for (const double penalty : {1.0, 100.0}) {
    settings.repetition_penalty = penalty;
    const auto search = NewSearch(settings, {});
    EXPECT_TRUE(search->needs_all_logits());
    Step(*search, {std::log(1.0f), std::log(2.0f), std::log(5.0f)});
    Step(*search, {std::log(1.0f), std::log(5.0f), std::log(2.0f)});
    ASSERT_TRUE(search->done());
    EXPECT_NEAR(search->logprobs(0)[0], std::log(0.625), 1e-6);
    const auto sequences = search->Take();
    EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 2, 1));
    EXPECT_NEAR(sequences->at(0).logprobs.at(1), std::log(0.625), 1e-6);
    EXPECT_NEAR(sequences->at(0).score, 2 * std::log(0.625), 1e-6);
  }
}

TEST(GreedySearch, StopsWhenTold) {
  const auto search = NewSearch(Plain(), {});
  Step(*search, {0, 0, 1, 0, 0});
  search->Stop(0);
  EXPECT_TRUE(search->done());
  const auto sequences = search->Take();
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 2));
  EXPECT_EQ(sequences->at(0).finish_reason, FinishReason::kStop);
}

TEST(Sampling, RowsOfEndedSequencesGo) {
  const auto search = NewSearch(Sampling(3), {});
  EXPECT_EQ(search->rows(), 1u);
  Step(*search, {kNo, kNo, 0, kNo, kNo});
  EXPECT_THAT(search->tokens(), ElementsAre(2, 2, 2));
  EXPECT_THAT(search->parents(), ElementsAre(0, 0, 0));
  std::vector<float> logits{kNo, kNo, kNo, 0, kNo, kNo, 0, kNo, kNo, kNo, kNo, kNo, kNo, kNo, 0.f};
  search->Advance(logits.data(), 5);
  EXPECT_THAT(search->tokens(), ElementsAre(3, 4));
  EXPECT_THAT(search->parents(), ElementsAre(0, 2));
  search->Stop(0);
  EXPECT_THAT(search->tokens(), ElementsAre(4));
  EXPECT_THAT(search->parents(), ElementsAre(2));
  Step(*search, {kNo, 0, kNo, kNo, kNo});
  ASSERT_TRUE(search->done());
  auto sequences = search->Take();
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 2, 3));
  EXPECT_THAT(sequences->at(1).ids, ElementsAre(0, 2, kEnd));
  EXPECT_THAT(sequences->at(2).ids, ElementsAre(0, 2, 4, kEnd));
  FillSequences(Sampling(3), &*sequences);
  EXPECT_THAT(sequences->at(1).ids, ElementsAre(0, 2, kEnd, 0));
}

TEST(Sampling, SequencesMayBeStoppedBeforeTheFirstStep) {
  const auto search = NewSearch(Sampling(3), {});
  search->Stop(1);
  Step(*search, {kNo, kNo, 0, kNo, kNo});
  EXPECT_THAT(search->tokens(), ElementsAre(2, 2));
  EXPECT_THAT(search->parents(), ElementsAre(0, 0));
  EXPECT_THAT(search->ids(1), ElementsAre(0));
}

// 20,000 draws of one token: frequencies are the probabilities, and streams differ.
TEST(Sampling, DrawsInProportion) {
  GenerationSettings settings = Sampling(20000);
  settings.max_length = 2;
  settings.seed = 7;
  const auto search = NewSearch(settings, {});
  Step(*search, {std::log(0.1f), std::log(0.2f), kNo, std::log(0.3f), std::log(0.4f)});
  std::vector<double> counts(5);
  const auto sequences = search->Take();
  for (const GeneratedSequence& sequence : *sequences) {
    counts[static_cast<size_t>(sequence.ids[1])] += 1;
  }
  const double expected[] = {0.1, 0.2, 0, 0.3, 0.4};
  for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(counts[i] / 20000, expected[i], 0.015) << i;
  EXPECT_EQ(counts[2], 0);
}

TEST(Sampling, SeedsDecide) {
  std::set<std::vector<int32_t>> texts;
  for (const uint64_t seed : {1u, 2u, 3u, 1u, 2u, 3u}) {
    GenerationSettings settings = Sampling(1);
    settings.max_length = 60;
    settings.seed = seed;
    const auto search = NewSearch(settings, {});
    while (!search->done()) Step(*search, {0, -20, 0, 0, 0});
    const auto sequences = search->Take();
    texts.insert(sequences->at(0).ids);
  }
  EXPECT_EQ(texts.size(), 3u);
}

TEST(BeamSearch, RowsAndParents) {
  const auto search = NewSearch(Beams(2), {});
  EXPECT_EQ(search->rows(), 1u);
  EXPECT_FALSE(search->can_stream());
  EXPECT_TRUE(search->needs_all_logits());
  Step(*search, {kNo, -5, 2, 1, kNo});
  EXPECT_THAT(search->tokens(), ElementsAre(2, 3));
  EXPECT_THAT(search->parents(), ElementsAre(0, 0));
  // The second beam's ways on are the only ones.
  std::vector<float> logits{kNo, 0, kNo, kNo, kNo, 3, kNo, kNo, kNo, 2};
  search->Advance(logits.data(), 5);
  EXPECT_THAT(search->tokens(), ElementsAre(0, 4));
  EXPECT_THAT(search->parents(), ElementsAre(1, 1));
}

TEST(BeamSearch, FillsShortSequencesAsTransformersDoes) {
  GenerationSettings settings = Beams(2);
  std::vector<GeneratedSequence> sequences(2);
  sequences[0].ids = {0, 2, 3, kEnd};
  sequences[1].ids = {0, kEnd};
  FillSequences(settings, &sequences);
  EXPECT_THAT(sequences[1].ids, ElementsAre(0, kEnd, kEnd, kEnd));
  sequences[1].ids = {0, kEnd};
  settings.pad_token_id = 4;
  FillSequences(settings, &sequences);
  EXPECT_THAT(sequences[1].ids, ElementsAre(0, kEnd, 4, 4));
  sequences[1].ids = {0, 2};
  settings.eos_token_ids.clear();
  FillSequences(settings, &sequences);
  EXPECT_THAT(sequences[1].ids, ElementsAre(0, 2, -1, -1));
}

// Probabilities of ids 0 to 3, a row after the other.
std::vector<float> Logs(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// With a negative penalty longer is worse, so that "never" stops by the length now. Two have ended
// after two steps, with 2 ln 0.32 and ln 0.1; what runs can still win, with 3 ln 0.475.
TEST(BeamSearch, NeverStopsByTheLengthNowWherePenaltiesAreNegative) {
  GenerationSettings settings = Beams(2);
  settings.vocab_size = 4;
  settings.length_penalty = -1;
  settings.early_stopping = EarlyStopping::kNever;
  const auto search = NewSearch(settings, {});
  Step(*search, Logs({0.001, 0.1, 0.8, 0.099}));
  Step(*search, Logs({0, 0.4, 0.6, 0}));
  ASSERT_FALSE(search->done());
  Step(*search, Logs({0, 0.99, 0.005, 0.005}));
  while (!search->done()) Step(*search, Logs({0.25, 0.25, 0.25, 0.25}));
  const auto sequences = search->Take();
  ASSERT_TRUE(sequences.ok());
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 2, 2, kEnd));
  EXPECT_NEAR(sequences->at(0).score, 3 * std::log(0.8 * 0.6 * 0.99), 1e-5);
}

// Of equal scores the one that ended first stays first.
TEST(BeamSearch, EqualScoresStayInTheirOrder) {
  GenerationSettings settings = Beams(2);
  settings.num_return_sequences = 2;
  settings.length_penalty = 0;
  settings.eos_token_ids = {2, 1};
  const auto search = NewSearch(settings, {});
  Step(*search, {kNo, 0, 0, kNo, kNo});
  const auto sequences = search->Take();
  ASSERT_EQ(sequences->size(), 2u);
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 1));
  EXPECT_THAT(sequences->at(1).ids, ElementsAre(0, 2));
}

// All of these end, none crashes, and each tells whose fault it is.
TEST(Search, LogitsWithNothingAboveMinusInfinity) {
  for (const bool logprobs : {false, true}) {
    for (GenerationSettings settings : {Plain(), Sampling(2), Beams(3)}) {
      settings.logprobs = logprobs;
      for (const float bad : {kNan, kNo}) {
        const auto search = NewSearch(settings, {});
        Step(*search, {0, kNo, 1, 2, 0});
        Step(*search, {bad, kNan, bad, kNo, bad});
        ASSERT_TRUE(search->done());
        const auto sequences = search->Take();
        ASSERT_FALSE(sequences.ok());
        EXPECT_EQ(sequences.error().code, Code::kInternal);
        EXPECT_THAT(sequences.error().message, HasSubstr("token 2: the model"));
      }
    }
  }
}

TEST(Search, SettingsThatForbidEverything) {
  for (GenerationSettings settings : {Plain(), Sampling(2), Beams(3)}) {
    settings.suppress_tokens = {0, 1, 2, 3, 4};
    const auto search = NewSearch(settings, {});
    Step(*search, {0, 1, 1, 2, 0});
    ASSERT_TRUE(search->done());
    const auto sequences = search->Take();
    ASSERT_FALSE(sequences.ok());
    EXPECT_EQ(sequences.error().code, Code::kInvalidArgument);
    EXPECT_THAT(sequences.error().message, HasSubstr("token 1: the settings forbid every id"));
  }
}

TEST(Search, SomeNanAndInfinityOnlyCountAsWorstAndBest) {
  for (GenerationSettings settings : {Plain(), Sampling(2), Beams(2)}) {
    settings.repetition_penalty = 1.5;
    const auto search = NewSearch(settings, {});
    while (!search->done()) {
      Step(*search, {kNan, kNan, -std::numeric_limits<float>::max(),
                     std::numeric_limits<float>::infinity(), kNan});
    }
    const auto sequences = search->Take();
    ASSERT_TRUE(sequences.ok()) << sequences.error().message;
    EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 3, 3, 3, 3));
  }
}

// A forced id whose logit is no number has no probability either, and none at all is an error.
TEST(GreedySearch, ForcedIdsOfBadLogits) {
  GenerationSettings settings = Plain();
  settings.logprobs = true;
  settings.forced_bos_token_id = 3;
  const auto search = NewSearch(settings, {});
  Step(*search, {0, kNo, 1, kNan, 0});
  EXPECT_THAT(search->ids(0), ElementsAre(0, 3));
  EXPECT_THAT(search->logprobs(0), ElementsAre(kNo));
  const auto broken = NewSearch(settings, {});
  Step(*broken, {kNo, kNo, kNan, kNan, kNo});
  ASSERT_TRUE(broken->done());
  EXPECT_EQ(broken->Take().error().code, Code::kInternal);
}

// A beam search that is left without a way on gives what has ended by then.
TEST(BeamSearch, FewerSequencesWhereNothingElseIsAllowed) {
  GenerationSettings settings = Beams(3);
  settings.num_return_sequences = 3;
  const auto search = NewSearch(settings, {});
  Step(*search, {kNo, 0, 0, kNo, kNo});
  Step(*search, {kNo, 0, kNo, kNo, kNo});
  ASSERT_TRUE(search->done());
  const auto sequences = search->Take();
  ASSERT_TRUE(sequences.ok());
  ASSERT_EQ(sequences->size(), 2u);
  EXPECT_THAT(sequences->at(0).ids, ElementsAre(0, 2, kEnd));
  EXPECT_THAT(sequences->at(1).ids, ElementsAre(0, kEnd));
}

TEST(Search, StepsAllocateNothing) {
  if (!FailingMemory::Works()) GTEST_SKIP();
  for (GenerationSettings settings : {Plain(), Sampling(3), Beams(4), Beams(2)}) {
    settings.max_length = 30;
    settings.vocab_size = 64;
    settings.logprobs = true;
    settings.sequence_bias = {{{2, 3}, 1}, {{4}, 1}};
    settings.repetition_penalty = 1.1;
    settings.no_repeat_ngram_size = 3;
    settings.bad_words_ids = {{5}, {6, 7}};
    settings.exponential_decay_length_penalty = ExponentialDecay{5, 1.01};
    settings.top_p = 0.95;
    settings.typical_p = 0.95;
    settings.min_p = 0.001;
    settings.eta_cutoff = 0.001;
    if (settings.num_beams == 2) settings.do_sample = true;
    const std::vector<int32_t> input{3, 4, 5};
    const auto search = NewSearch(settings, input);
    std::vector<float> logits(4 * 64);
    const size_t before = FailingMemory::Allocations();
    uint32_t state = 1;
    while (!search->done()) {
      for (float& logit : logits)
        logit = static_cast<float>((state = state * 1664525 + 1013904223) >> 20) / 1000;
      search->Advance(logits.data(), 64);
    }
    EXPECT_EQ(FailingMemory::Allocations(), before);
    EXPECT_GT(SearchBytes(settings, input.size()), 64u * 4);
  }
}

}  // namespace
}  // namespace minnow
