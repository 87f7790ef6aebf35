// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/state.h"

#include <gtest/gtest.h>

namespace minnow::api {
namespace {

ImageProgress At(size_t step, size_t steps) {
  ImageProgress progress;
  progress.steps_done = step;
  progress.steps = steps;
  return progress;
}

class WebUiStateTest : public ::testing::Test {
 protected:
  std::shared_ptr<WebUiState::Work> Begin(const char* job, size_t rounds) {
    return WebUiState::Begin(state_, job, rounds);
  }
  const std::shared_ptr<WebUiState> state_ = std::make_shared<WebUiState>();
};

TEST_F(WebUiStateTest, Idle) {
  const auto progress = state_->Current();
  EXPECT_EQ(progress.share(), 0);
  EXPECT_EQ(progress.eta_seconds(), 0);
  EXPECT_EQ(progress.rounds, 0u);
  EXPECT_EQ(progress.job, "");
  state_->Interrupt();
  state_->Skip();
}

TEST_F(WebUiStateTest, StepsAndRounds) {
  const auto work = Begin("scripts_txt2img", 2);
  ASSERT_NE(work->BeginRound(), nullptr);
  work->Report(At(0, 4));
  EXPECT_DOUBLE_EQ(state_->Current().share(), 0.01);
  work->Report(At(2, 4));
  EXPECT_DOUBLE_EQ(state_->Current().share(), 0.26);
  ImageProgress seen = At(3, 4);
  seen.preview = NewImage(2, 1, 3);
  work->Report(std::move(seen));
  work->Report(At(4, 4));
  EXPECT_EQ(state_->Current().preview->width, 2u);
  EXPECT_TRUE(work->EndRound());
  EXPECT_EQ(state_->Current().round, 1u);
  ASSERT_NE(work->BeginRound(), nullptr);
  EXPECT_EQ(state_->Current().preview, nullptr);
  work->Report(At(4, 4));
  EXPECT_DOUBLE_EQ(state_->Current().share(), 1);
  EXPECT_EQ(state_->Current().job, "scripts_txt2img");
  work->End();
  EXPECT_EQ(state_->Current().share(), 0);
  EXPECT_EQ(state_->Current().timestamp.size(), 14u);
}

TEST_F(WebUiStateTest, TheFirstIsAskedForUnlessAnotherRuns) {
  const auto first = Begin("first", 1);
  auto second = Begin("second", 1);
  EXPECT_EQ(state_->Current().job, "first");
  second->BeginRound();
  second->Report(At(1, 2));
  EXPECT_EQ(state_->Current().job, "second");
  second = nullptr;
  EXPECT_EQ(state_->Current().job, "first");
}

TEST_F(WebUiStateTest, InterruptEndsTheWork) {
  const auto work = Begin("job", 3), other = Begin("other", 1);
  const auto watch = work->BeginRound();
  work->Report(At(1, 4));
  state_->Interrupt();
  EXPECT_TRUE(watch->gone());
  EXPECT_TRUE(work->interrupted());
  EXPECT_TRUE(state_->Current().interrupted);
  EXPECT_TRUE(work->EndRound());
  EXPECT_EQ(work->BeginRound(), nullptr);
  EXPECT_FALSE(other->interrupted());
  EXPECT_NE(other->BeginRound(), nullptr);
}

TEST_F(WebUiStateTest, SkipEndsARound) {
  const auto work = Begin("job", 2);
  const auto watch = work->BeginRound();
  state_->Skip();
  EXPECT_TRUE(watch->gone());
  EXPECT_FALSE(work->EndRound());
  const auto next = work->BeginRound();
  ASSERT_NE(next, nullptr);
  EXPECT_FALSE(next->gone());
  EXPECT_TRUE(work->EndRound());
}

TEST_F(WebUiStateTest, AClientThatLeavesEndsItsWork) {
  const auto work = Begin("job", 2);
  const auto watch = work->BeginRound();
  work->ClientLeft();
  EXPECT_TRUE(watch->gone());
  EXPECT_FALSE(work->interrupted());
  EXPECT_EQ(work->BeginRound(), nullptr);
}

TEST_F(WebUiStateTest, RemembersTheModel) {
  EXPECT_EQ(state_->model(), "");
  state_->SetModel("x");
  EXPECT_EQ(state_->model(), "x");
}

}  // namespace
}  // namespace minnow::api
