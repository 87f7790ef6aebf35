// SPDX-License-Identifier: Apache-2.0
// T5: the same text gives the same bits alone and in any company, on any number of threads, and
// wherever its beams lie; and neither pass allocates.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "tests/failing_memory.h"
#include "tests/golden/t5_harness.h"

namespace minnow {
namespace {

using Text = std::vector<int32_t>;
using Scores = std::vector<std::vector<float>>;  // by step

constexpr size_t kSteps = 12;

Text MakeText(size_t length, int seed, int vocabulary) {
  Text text;
  for (size_t i = 0; i < length; ++i)
    text.push_back(
        static_cast<int32_t>((i * 37 + static_cast<size_t>(seed) * 11 + 2) % vocabulary));
  return text;
}

std::vector<Text> Texts(const T5Model& model) {
  std::vector<Text> texts;
  for (const size_t length : {1, 5, 16, 17, 64, 100, 131, 33, 2})
    texts.push_back(MakeText(length, static_cast<int>(texts.size()), model.config().vocab_size));
  return texts;
}

// What is fed at a step, whatever the scores are.
int32_t Fed(size_t text, size_t step) {
  return static_cast<int32_t>(step == 0 ? 0 : (text * 7 + step * 5) % 70);
}

Scores Alone(T5Runner& runner, const Text& text, size_t number) {
  const auto cache = runner.EncodeOne(text);
  Scores scores;
  for (size_t step = 0; step < kSteps; ++step)
    scores.push_back(runner.StepOne(*cache, Fed(number, step)));
  return scores;
}

class T5Bits : public testing::TestWithParam<std::tuple<const char*, Dtype>> {
 protected:
  void SetUp() override {
    model_ = MustLoadT5(T5Golden(std::get<0>(GetParam())),
                        {.dtype = std::get<1>(GetParam()), .embedding = std::nullopt});
    ASSERT_NE(model_, nullptr);
    texts_ = Texts(*model_);
  }
  std::unique_ptr<T5Model> model_;
  std::vector<Text> texts_;
};

// Passes whose pool does something else between the layers.
TEST_P(T5Bits, WhatGoesBetweenLayersChangesNothing) {
  T5Runner whole(*model_, 2), parted(*model_, 2);
  size_t calls = 0;
  std::atomic<size_t> members = 0;
  parted.workspace().between_layers = [&] {
    ++calls;
    parted.workspace().pool->Run([&](int) { ++members; });
  };
  for (size_t i = 0; i < texts_.size(); ++i)
    EXPECT_EQ(Alone(parted, texts_[i], i), Alone(whole, texts_[i], i));
  const T5Config& config = model_->config();
  const auto layers = static_cast<size_t>(config.num_layers);
  const auto decoder_layers = static_cast<size_t>(config.num_decoder_layers);
  EXPECT_EQ(calls, texts_.size() * (layers + kSteps * decoder_layers));
  EXPECT_EQ(members, calls * static_cast<size_t>(parted.workspace().pool->size()));
}

// Each text joins the others one step later than the one before, as requests come.
TEST_P(T5Bits, CompanyAndThreadsChangeNothing) {
  T5Runner alone(*model_, 1);
  std::vector<Scores> expected;
  for (size_t i = 0; i < texts_.size(); ++i) expected.push_back(Alone(alone, texts_[i], i));
  for (const int threads : {1, 2, 3}) {
    T5Runner runner(*model_, threads);
    const auto caches = runner.Encode(texts_);
    std::vector<Scores> found(texts_.size());
    for (size_t round = 0; round < kSteps + texts_.size(); ++round) {
      std::vector<T5Row> rows;
      std::vector<size_t> numbers;
      for (size_t i = 0; i < texts_.size(); ++i) {
        if (round < i || round - i >= kSteps) continue;
        rows.push_back({caches[i].get(), 0, Fed(i, round - i)});
        numbers.push_back(i);
      }
      const auto scores = runner.Step(rows);
      for (size_t r = 0; r < rows.size(); ++r) found[numbers[r]].push_back(scores[r]);
    }
    for (size_t i = 0; i < texts_.size(); ++i)
      EXPECT_EQ(found[i], expected[i]) << "text " << i << ", " << threads << " threads";
  }
}

TEST_P(T5Bits, HiddenStatesDoNotDependOnCompanyOrThreads) {
  T5Runner alone(*model_, 1);
  std::vector<float> expected;
  for (const Text& text : texts_) {
    const std::vector<float> hidden = alone.Hidden({&text, 1});
    expected.insert(expected.end(), hidden.begin(), hidden.end());
  }
  for (const int threads : {1, 2, 3}) {
    T5Runner runner(*model_, threads);
    EXPECT_EQ(runner.Hidden(texts_), expected) << threads;
  }
}

// Beams that moved, against a cache of their own that was fed what they had been fed.
TEST_P(T5Bits, BeamsMoveByIndex) {
  constexpr size_t kBeams = 3;
  T5Runner runner(*model_, 2);
  const Text& text = texts_[4];
  const auto cache = runner.EncodeOne(text, kBeams);
  std::vector<Text> histories(kBeams);
  const std::vector<std::vector<uint32_t>> moves = {{0, 0, 0}, {2, 0, 0}, {0, 1, 2}, {1, 1, 2},
                                                    {2, 1, 0}, {1, 2, 1}, {0, 0, 2}};
  // The first step has one row: beams of one history.
  for (size_t step = 0; step <= moves.size(); ++step) {
    std::vector<T5Row> rows;
    for (uint32_t beam = 0; beam < (step == 0 ? 1 : kBeams); ++beam) {
      const auto token = static_cast<int32_t>((step * 5 + beam * 13) % 70);
      rows.push_back({cache.get(), beam, token});
      histories[beam].push_back(token);
    }
    const auto found = runner.Step(rows);
    for (size_t beam = 0; beam < rows.size(); ++beam) {
      const auto fresh = runner.EncodeOne(text);
      std::vector<float> expected;
      for (const int32_t token : histories[beam]) expected = runner.StepOne(*fresh, token);
      EXPECT_EQ(found[beam], expected) << "step " << step << ", beam " << beam;
    }
    if (step == moves.size()) break;
    cache->Reorder(moves[step]);
    std::vector<Text> moved;
    for (const uint32_t parent : moves[step]) moved.push_back(histories[parent]);
    histories = moved;
  }
}

TEST_P(T5Bits, PassesAllocateNothing) {
  if (!FailingMemory::Works())
    GTEST_SKIP() << "a sanitizer owns the allocation functions; the release build counts";
  ThreadPool pool(2);
  const auto workspace = model_->NewWorkspace(200, 4, &pool);
  const Text& text = texts_[5];
  const int32_t starts[] = {0, static_cast<int32_t>(text.size())};
  T5Cache cache(model_->config(), text.size(), kT5Limits.max_output_tokens, 2);
  T5Cache* const caches[] = {&cache};
  std::vector<float> logits(2 * model_->logits_stride());
  const uint32_t parents[] = {1, 0};
  const size_t before = FailingMemory::Allocations();
  model_->Encode({.ids = text, .starts = starts, .type_ids = {}, .unpooled = {}}, caches,
                 *workspace);
  for (int step = 0; step < 3; ++step) {
    const T5Row rows[] = {{&cache, 0, 3}, {&cache, 1, 4}};
    model_->Step(rows, *workspace, logits.data());
    cache.Reorder(parents);
  }
  EXPECT_EQ(before, FailingMemory::Allocations());
}

INSTANTIATE_TEST_SUITE_P(Models, T5Bits,
                         testing::Combine(testing::Values("v1_1", "plain_gelu", "umt5"),
                                          testing::Values(Dtype::kF32, Dtype::kBF16, Dtype::kInt8)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" +
                                  DtypeName(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace minnow
