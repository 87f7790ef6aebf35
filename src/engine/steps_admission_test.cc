// SPDX-License-Identifier: Apache-2.0
// Which jobs of many steps are taken: those that find room beside the others.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/countdown_fixture.h"

namespace minnow {
namespace {

// Texts that would take far longer than the limit if they went one after the other.
class LongStepsTest : public StepsTest {
 protected:
  static std::shared_ptr<CountdownJob> Make(std::string name, size_t items = 1) {
    auto job = std::make_shared<CountdownJob>(std::move(name), std::vector<uint32_t>(items, 1000),
                                              Priority::kInteractive);
    job->work = 1'000'000 * items;  // 50 s, where nothing was measured
    job->step_work = items;
    return job;
  }
};

TEST_F(LongStepsTest, WhoFindsRoomInTheNextStepIsTaken) {
  Start();
  const auto queue = AddQueue(&task_, {.max_batch_items = 4});
  const auto a = Make("a");
  ASSERT_TRUE(queue->Submit(a).ok());
  task_.AwaitStep(1);
  const auto pair = Make("pair", 2);
  EXPECT_TRUE(queue->Submit(pair).ok()) << "it waits for one step";
  const auto d = Make("d");
  EXPECT_TRUE(queue->Submit(d).ok());
  const Status fifth = queue->Submit(Make("e"));
  EXPECT_EQ(fifth.error().code, Code::kOverloaded) << "one of the four must end before";
  a->Cancel();
  task_.allowed = kAll;
  EXPECT_EQ(a->Wait().error().code, Code::kDeadline);
  const auto after = Make("after");
  EXPECT_TRUE(queue->Submit(after).ok());
  for (const auto& job : {pair, d, after}) EXPECT_TRUE(job->Wait().ok());
}

TEST_F(LongStepsTest, WorkOfOneStepWaitsForAllThatGoesBefore) {
  Start();
  const auto queue = AddQueue(&task_);
  const auto a = Make("a");
  ASSERT_TRUE(queue->Submit(a).ok());
  task_.AwaitStep(1);
  const auto b = Make("b");
  b->step_work = 0;
  EXPECT_EQ(queue->Submit(b).error().code, Code::kOverloaded);
  task_.allowed = kAll;
  EXPECT_TRUE(a->Wait().ok());
}

TEST_F(LongStepsTest, WhoseCacheFindsNoRoomWaitsForTheOthers) {
  Start({.memory = std::make_shared<MemoryBudget>(1000)});
  const auto queue = AddQueue(&task_);
  const auto a = Make("a"), b = Make("b");
  a->bytes_an_item = 600;
  b->bytes_an_item = 300;
  ASSERT_TRUE(queue->Submit(a).ok());
  task_.AwaitStep(1);
  EXPECT_TRUE(queue->Submit(b).ok());
  const auto c = Make("c");
  c->bytes_an_item = 300;
  EXPECT_EQ(queue->Submit(c).error().code, Code::kOverloaded);
  task_.allowed = kAll;
  EXPECT_TRUE(a->Wait().ok());
  EXPECT_TRUE(b->Wait().ok());
}

// While a step runs, which may take long.
TEST_F(StepsTest, WhoIsCancelledInLineLeavesItsPlaceAtOnce) {
  Start();
  const auto queue =
      AddQueue(&task_, {.max_batch_items = 1, .admission = {.jobs = 3}, .one_at_a_time = true});
  auto a = Submit(queue, "a", {2, 1});
  task_.AwaitStep(1);
  auto b = Submit(queue, "b", {1});
  auto c = Submit(queue, "c", {1}, Priority::kBulk);
  AwaitPrepared(*queue, 3);
  EXPECT_EQ(queue
                ->Submit(std::make_shared<CountdownJob>("d", std::vector<uint32_t>{1},
                                                        Priority::kInteractive))
                .error()
                .code,
            Code::kOverloaded);
  for (const auto& job : {b, c}) job->Cancel();
  queue->DropCancelled();
  EXPECT_EQ(queue->load().jobs, 1u);
  auto d = Submit(queue, "d", {1});
  for (const auto& job : {b, c}) EXPECT_EQ(job->Wait().error().code, Code::kDeadline);
  EXPECT_EQ(task_.steps().size(), 1u);  // still the first one
  task_.allowed = 1;
  task_.AwaitStep(2);
  // One that runs stays until its step ends.
  a->Cancel();
  queue->DropCancelled();
  EXPECT_EQ(queue->load().jobs, 2u);
  task_.allowed = kAll;
  EXPECT_EQ(a->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(d->Wait().ok());
  EXPECT_TRUE(queue->Drain(std::chrono::seconds(60)));
  EXPECT_EQ(queue->load().jobs, 0u);
}

}  // namespace
}  // namespace minnow
