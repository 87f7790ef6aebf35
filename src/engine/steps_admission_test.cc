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

}  // namespace
}  // namespace minnow
