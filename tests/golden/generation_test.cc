// SPDX-License-Identifier: Apache-2.0
// Searches give the ids and scores that transformers' generate() gives (tests/golden/generation,
// tools/make_generation_golden.py), on logits that a hash makes of all ids so far, and sampling
// leaves the same probabilities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "formats/json.h"
#include "generation/options_json.h"
#include "generation/search.h"
#include "generation/warpers.h"

namespace minnow {
namespace {

constexpr size_t kVocabSize = 40;
constexpr size_t kStride = 48;

uint32_t Mixed(uint32_t x) {
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  return x ^ x >> 16;
}

uint32_t Extended(uint32_t state, int32_t id) {
  return Mixed(state * 31 + static_cast<uint32_t>(id) + 1);
}

void LogitsOf(uint32_t state, float* row) {
  for (uint32_t v = 0; v < kVocabSize; ++v) {
    const uint32_t bits = Mixed(state ^ v * 0x9E3779B9u) >> 8;
    row[v] = static_cast<float>(bits / 2097152.0 - 4);
  }
  row[1] += 1.5f;
  row[7] += 1.0f;
}

JsonDocument Golden(const char* file) {
  auto document =
      JsonDocument::ReadFile(std::string(MINNOW_SOURCE_DIR) + "/tests/golden/generation/" + file);
  EXPECT_TRUE(document.ok()) << document.error().message;
  return std::move(document).value();
}

std::vector<int32_t> Ids(const JsonView& array) {
  std::vector<int32_t> ids;
  for (const JsonView id : array.Items()) {
    ids.push_back(static_cast<int32_t>(id.Int(-1, kVocabSize).value()));
  }
  return ids;
}

GenerationSettings Settings(const JsonView& item) {
  const auto options = ReadGenerationOptions(*item.Find("options"));
  EXPECT_TRUE(options.ok()) << options.error().message;
  const auto settings = ResolveGeneration(*options, kVocabSize);
  EXPECT_TRUE(settings.ok()) << settings.error().message;
  return *settings;
}

// Runs a search whose rows are hashes of the ids that they were fed, as a decoder's cache is.
Result<std::vector<GeneratedSequence>> RunSearch(Search& search, uint32_t seed) {
  std::vector<uint32_t> states{seed};
  while (!search.done()) {
    const auto parents = search.parents();
    if (!parents.empty()) {
      std::vector<uint32_t> moved;
      for (const uint32_t parent : parents) moved.push_back(states.at(parent));
      states = moved;
    }
    EXPECT_EQ(states.size(), search.rows());
    std::vector<float> logits(states.size() * kStride, std::nanf(""));
    for (size_t row = 0; row < states.size(); ++row) {
      states[row] = Extended(states[row], search.tokens()[row]);
      LogitsOf(states[row], &logits[row * kStride]);
    }
    search.Advance(logits.data(), kStride);
  }
  return search.Take();
}

uint32_t SeedOf(const JsonView& item) {
  return static_cast<uint32_t>(item.Find("seed")->Int(0, INT32_MAX).value());
}

std::string Name(const JsonView& item) {
  std::string text;
  JsonWriter json(&text);
  WriteJson(*item.Find("options"), json);
  return text;
}

TEST(GenerationGolden, SearchesGiveTransformersIdsAndScores) {
  const JsonDocument document = Golden("searches.json");
  size_t cases = 0;
  for (const JsonView item : document.root().Items()) {
    GenerationSettings settings = Settings(item);
    settings.logprobs = true;
    const auto search = NewSearch(settings, Ids(*item.Find("input")));
    auto found = RunSearch(*search, SeedOf(item));
    ASSERT_TRUE(found.ok()) << Name(item) << found.error().message;
    FillSequences(settings, &*found);
    const JsonView ids = *item.Find("ids");
    ASSERT_EQ(found->size(), ids.size()) << Name(item);
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ((*found)[i].ids, Ids(ids.at(i))) << Name(item);
      const double score = item.Find("scores")->at(i).Number().value();
      EXPECT_NEAR((*found)[i].score, score, 2e-5 * (1 + std::abs(score))) << Name(item);
    }
    ++cases;
  }
  EXPECT_GT(cases, 400u);
}

TEST(GenerationGolden, ScoresOfBeamsAreTheSumsOfTheirLogprobs) {
  const JsonDocument document = Golden("searches.json");
  for (const JsonView item : document.root().Items()) {
    const GenerationSettings settings = Settings(item);
    if (settings.num_beams == 1) continue;
    const auto search = NewSearch(settings, Ids(*item.Find("input")));
    const auto found = RunSearch(*search, SeedOf(item));
    ASSERT_TRUE(found.ok());
    for (const GeneratedSequence& sequence : *found) {
      ASSERT_EQ(sequence.logprobs.size() + 1, sequence.ids.size());
      double sum = 0;
      for (const float logprob : sequence.logprobs) sum += logprob;
      const auto length = static_cast<double>(sequence.logprobs.size());
      EXPECT_NEAR(sequence.score, sum / std::pow(length, settings.length_penalty), 1e-4);
    }
  }
}

TEST(GenerationGolden, SamplingLeavesTransformersProbabilities) {
  const JsonDocument document = Golden("warpers.json");
  size_t cases = 0;
  for (const JsonView item : document.root().Items()) {
    const GenerationSettings settings = Settings(item);
    SamplingWarpers warpers(settings);
    float scores[kVocabSize];
    LogitsOf(static_cast<uint32_t>(item.Find("state")->Int(0, UINT32_MAX).value()), scores);
    std::vector<int32_t> ids;
    size_t at = 0;
    const JsonView p = *item.Find("p");
    for (const SampleCandidate& candidate : warpers.Apply(scores)) {
      ids.push_back(candidate.id);
      ASSERT_LT(at, p.size()) << Name(item);
      EXPECT_NEAR(candidate.p, p.at(at++).Number().value(), 2e-6) << Name(item);
    }
    EXPECT_EQ(ids, Ids(*item.Find("ids"))) << Name(item);
    ++cases;
  }
  EXPECT_GT(cases, 50u);
}

// What a row of a batch gets must not hang on which rows are beside it.
TEST(GenerationGolden, SequencesAreTheSameHoweverManyAreDrawn) {
  const JsonDocument document = Golden("searches.json");
  for (const JsonView item : document.root().Items()) {
    GenerationSettings settings = Settings(item);
    if (!settings.do_sample || settings.num_beams > 1) continue;
    const auto input = Ids(*item.Find("input"));
    const auto all = RunSearch(*NewSearch(settings, input), SeedOf(item));
    settings.num_return_sequences = 1;
    const auto one = RunSearch(*NewSearch(settings, input), SeedOf(item));
    ASSERT_TRUE(all.ok() && one.ok());
    EXPECT_EQ(all->front().ids, one->front().ids) << Name(item);
  }
}

}  // namespace
}  // namespace minnow
