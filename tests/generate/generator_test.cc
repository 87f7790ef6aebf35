// SPDX-License-Identifier: Apache-2.0
// A served model that generates text: many requests with little memory, clients that leave,
// figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "engine/scheduler.h"
#include "serving/engine_model.h"
#include "tests/await.h"
#include "tests/golden/t5_harness.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

GenerateRequest Request(size_t tokens, int32_t new_tokens) {
  GenerateRequest request;
  std::vector<TokenId> ids;
  for (size_t i = 0; i < tokens; ++i) ids.push_back(static_cast<TokenId>(2 + i * 7 % 900));
  request.inputs = {ids};
  request.options.max_new_tokens = new_tokens;
  return request;
}

class GeneratorTest : public testing::Test {
 protected:
  using Answer = Result<GenerateAnswer>;

  void SetUp() override {
    if (!std::filesystem::exists(T5Shared())) GTEST_SKIP() << "no shared test data (MINNOW_DATA)";
    Load(MemoryBudget::kNoLimit);
  }
  void TearDown() override { model_ = nullptr; }
  void Load(size_t limit) {
    model_ = nullptr;
    memory_ = std::make_shared<MemoryBudget>(limit);
    scheduler_ = Scheduler::Start({.compute_threads = 2, .memory = memory_}).value();
    auto model = LoadModel({.path = T5Shared() + "/hf", .names = {"tiny"}},
                           {.threads = 2, .max_queue_ms = 60000}, /*for_indexes=*/false,
                           scheduler_.get(), &metrics_);
    ASSERT_TRUE(model.ok()) << model.error().message;
    model_ = std::move(model).value();
  }
  std::future<Answer> Run(GenerateRequest request, std::shared_ptr<ClientWatch> client = nullptr) {
    auto promise = std::make_shared<std::promise<Answer>>();
    model_->Run(std::move(request), client,
                [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }

  Metrics metrics_;
  std::shared_ptr<MemoryBudget> memory_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<LoadedModel> model_;
};

TEST_F(GeneratorTest, TellsWhatItIs) {
  const ModelFacts& facts = model_->facts();
  EXPECT_EQ(facts.model_id, "tiny");
  EXPECT_EQ(facts.task, TaskKind::kGenerate);
  EXPECT_EQ(facts.max_sequence_tokens, 4096u);
  EXPECT_EQ(facts.dtype, "fp32");
  EXPECT_EQ(model_->tokenizer(), nullptr);
  ASSERT_NE(model_->generator(), nullptr);
  EXPECT_EQ(model_->generator()->vocab_size(), 1000u);
}

TEST_F(GeneratorTest, ManyRequestsWaitForLittleMemory) {
  const Answer alone = Await(Run(Request(60, 100)), "an answer");
  ASSERT_TRUE(alone.ok()) << alone.error().message;
  // Room for four caches of 3 x 2 x 64 x 160 floats, less the reserve.
  Load(memory_->used() * 17 / 16 + 1'000'000);
  const size_t idle = memory_->used();
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 40; ++i) answers.push_back(Run(Request(60, 100)));
  for (auto& future : answers) {
    const Answer answer = Await(std::move(future), "an answer");
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->inputs[0].sequences[0].ids, alone->inputs[0].sequences[0].ids);
  }
  AwaitUntil([&] { return memory_->used() == idle; }, "memory to be given back");
  const Answer huge = Await(Run(Request(60, 900)), "an answer");
  ASSERT_FALSE(huge.ok());
  EXPECT_EQ(huge.error().code, Code::kInvalidArgument);
  EXPECT_THAT(huge.error().message, HasSubstr("bytes of memory"));
}

// Caches that fill the limit leave memory for other requests, and small ones overtake.
TEST_F(GeneratorTest, AShortRequestDoesNotWaitForLongOnes) {
  Load(memory_->used() * 17 / 16 + 3'000'000);
  const size_t idle = memory_->used();
  std::vector<std::future<Answer>> answers;
  std::atomic<int> done = 0;
  for (int i = 0; i < 4; ++i) {
    GenerateRequest request = Request(60, 600);
    request.options.min_new_tokens = 600;
    auto promise = std::make_shared<std::promise<Answer>>();
    answers.push_back(promise->get_future());
    model_->Run(std::move(request), nullptr, [&done, promise](Answer answer) {
      ++done;
      promise->set_value(std::move(answer));
    });
  }
  AwaitUntil([&] { return memory_->used() > idle + 2'000'000; }, "caches");
  EXPECT_TRUE(memory_->Take(100'000)) << "what an embedding takes";
  memory_->Give(100'000);
  const Answer answer = Await(Run(Request(10, 10)), "a short answer");
  EXPECT_TRUE(answer.ok());
  EXPECT_LT(done, 4) << "it did not wait for all of them";
  for (auto& future : answers) EXPECT_TRUE(Await(std::move(future), "an answer").ok());
}

// It leaves within its third step, which is the last.
TEST_F(GeneratorTest, AClientThatLeavesEndsItsRequestWithinAStep) {
  const size_t idle = memory_->used();
  auto client = std::make_shared<ClientWatch>();
  GenerateRequest request = Request(30, 1000);
  int pieces = 0;
  request.on_piece = [&](const GeneratedPiece&) {
    if (++pieces == 3) client->MarkGone();
  };
  const Answer answer = Await(Run(std::move(request), client), "the end");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::kDeadline);
  EXPECT_EQ(pieces, 3);
  AwaitUntil([&] { return model_->load().inputs == 0 && memory_->used() == idle; }, "nothing");
}

TEST_F(GeneratorTest, CountsTokensAndTimes) {
  ASSERT_TRUE(Await(Run(Request(17, 24)), "an answer").ok());
  const std::string text = metrics_.Render({});
  EXPECT_THAT(text, HasSubstr("minnow_generate_prompt_tokens_total 17\n"));
  EXPECT_THAT(text, HasSubstr("minnow_generate_tokens_total 24\n"));
  EXPECT_THAT(text, HasSubstr("minnow_generate_time_to_first_token_seconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("minnow_generate_time_per_output_token_seconds_count 1\n"));
}

}  // namespace
}  // namespace minnow
