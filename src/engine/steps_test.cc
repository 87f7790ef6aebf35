// SPDX-License-Identifier: Apache-2.0
// Tasks of many steps, as text that is generated a token at a time; several queues; who is prepared
// first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "tests/countdown_fixture.h"

namespace minnow {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

TEST_F(StepsTest, ItemsJoinAndLeaveBetweenSteps) {
  Start();
  const auto queue = AddQueue(&task_);
  auto a = Submit(queue, "a", {4});
  task_.AwaitStep(1);
  auto b = Submit(queue, "b", {1, 2});
  AwaitPrepared(*queue, 2);
  task_.allowed = kAll;
  EXPECT_TRUE(a->Wait().ok());
  EXPECT_TRUE(b->Wait().ok());
  EXPECT_THAT(a->left, ElementsAre(0));
  EXPECT_THAT(b->left, ElementsAre(0, 0));
  using Rows = CountdownTask::Rows;
  EXPECT_THAT(task_.steps(),
              ElementsAre(Rows{"a"}, Rows{"a", "b", "b"}, Rows{"a", "b"}, Rows{"a"}));
  EXPECT_EQ(queue->load().work, 0u);
  EXPECT_EQ(queue->load().items, 0u);
}

TEST_F(StepsTest, OneAtATime) {
  Start();
  const auto queue = AddQueue(&task_, {.max_batch_items = 1, .one_at_a_time = true});
  auto a = Submit(queue, "a", {3, 2});
  task_.AwaitStep(1);
  auto b = Submit(queue, "b", {1});
  auto c = Submit(queue, "c", {2}, Priority::kBulk);
  AwaitPrepared(*queue, 3);
  task_.allowed = kAll;
  for (const auto& job : {a, b, c}) EXPECT_TRUE(job->Wait().ok());
  std::string order;
  for (const auto& rows : task_.steps()) {
    ASSERT_EQ(rows.size(), 1u);
    order += *rows.begin();
  }
  // Each to its end; the first one's second item comes where it is due.
  EXPECT_THAT(order, ::testing::AnyOf("aaaaabcc", "aaabaacc"));
}

TEST_F(StepsTest, OneThatIsCancelledLetsTheNextBegin) {
  Start();
  const auto queue = AddQueue(&task_, {.max_batch_items = 1, .one_at_a_time = true});
  auto a = Submit(queue, "a", {1000});
  task_.AwaitStep(1);
  auto b = Submit(queue, "b", {1});
  AwaitPrepared(*queue, 2);
  a->Cancel();
  task_.allowed = kAll;
  EXPECT_EQ(a->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(b->Wait().ok());
  EXPECT_EQ(task_.steps().size(), 2u);
}

TEST_F(StepsTest, ACancelledItemStopsWithinAStep) {
  Start();
  const auto queue = AddQueue(&task_);
  auto a = Submit(queue, "a", {1000});
  task_.AwaitStep(1);
  auto b = Submit(queue, "b", {3});
  a->Cancel();
  task_.allowed = kAll;
  EXPECT_EQ(a->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(b->Wait().ok());
  EXPECT_THAT(a->left, ElementsAre(999));
}

TEST_F(StepsTest, InteractiveItemsGoBetweenTheStepsOfBulk) {
  Start();
  const auto queue = AddQueue(&task_);
  auto bulk = Submit(queue, "bulk", {50}, Priority::kBulk);
  task_.AwaitStep(1);
  auto quick = Submit(queue, "quick", {1});
  AwaitPrepared(*queue, 2);
  task_.allowed = kAll;
  EXPECT_TRUE(quick->Wait().ok());
  EXPECT_TRUE(bulk->Wait().ok());
  EXPECT_EQ(task_.steps()[1], CountdownTask::Rows({"quick"}));
}

TEST_F(StepsTest, MemoryThatStepsAddIsCountedUntilTheEnd) {
  auto memory = std::make_shared<MemoryBudget>(1000);
  Start({.memory = memory});
  task_.bytes_a_step = 10;
  const auto queue = AddQueue(&task_);
  auto a = Submit(queue, "a", {5});
  task_.allowed = 3;
  task_.AwaitStep(4);
  EXPECT_EQ(memory->used(), 30u);
  task_.allowed = kAll;
  EXPECT_TRUE(a->Wait().ok());
  EXPECT_TRUE(queue->Drain(seconds(60)));
  EXPECT_EQ(memory->used(), 0u);
}

// Items that take 400 bytes each where there is room for two.
class MemoryStepsTest : public StepsTest {
 protected:
  std::shared_ptr<ModelQueue> Start(const AdmissionLimits& limits = {}) {
    StepsTest::Start({.memory = memory_});
    return AddQueue(&task_, {.admission = limits});
  }
  static std::shared_ptr<CountdownJob> Make(std::string name, std::vector<uint32_t> steps,
                                            size_t bytes_an_item = 400) {
    auto job =
        std::make_shared<CountdownJob>(std::move(name), std::move(steps), Priority::kInteractive);
    job->bytes_an_item = bytes_an_item;
    return job;
  }
  static std::shared_ptr<CountdownJob> Submit(const std::shared_ptr<ModelQueue>& queue,
                                              std::shared_ptr<CountdownJob> job) {
    EXPECT_TRUE(queue->Submit(job).ok());
    return job;
  }

  std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>(1000);
};

TEST_F(MemoryStepsTest, ItemsWaitUntilThereIsMemoryForThem) {
  const auto queue = Start();
  auto many = Submit(queue, Make("many", {2, 2, 2, 2, 2}));
  task_.AwaitStep(1);
  EXPECT_EQ(memory_->used(), 800u);
  auto more = Submit(queue, Make("more", {1}));
  auto free_of_charge = Submit(queue, Make("free", {1}, 0));
  AwaitPrepared(*queue, 3);
  task_.allowed = kAll;
  EXPECT_TRUE(many->Wait().ok());
  EXPECT_TRUE(more->Wait().ok());
  EXPECT_TRUE(free_of_charge->Wait().ok());
  const auto steps = task_.steps();
  using Rows = CountdownTask::Rows;
  EXPECT_EQ(steps[0], Rows({"many", "many"}));
  EXPECT_EQ(steps[1], Rows({"free", "many", "many"})) << "who needs no memory goes on";
  for (const Rows& rows : steps) EXPECT_LE(rows.size() - rows.count("free"), 2u);
  EXPECT_TRUE(queue->Drain(seconds(60)));
  EXPECT_EQ(memory_->used(), 0u);
}

TEST_F(MemoryStepsTest, MemoryComesFromAnotherQueueToo) {
  const auto queue = Start();
  const auto other = AddQueue(&other_task_);
  auto holder = Submit(queue, Make("holder", {2}, 900));
  task_.AwaitStep(1);
  other_task_.allowed = kAll;
  auto waiting = Submit(other, Make("waiting", {1}));
  AwaitPrepared(*other, 1);
  EXPECT_EQ(other_task_.steps().size(), 0u);
  task_.allowed = kAll;
  EXPECT_TRUE(holder->Wait().ok());
  EXPECT_TRUE(waiting->Wait().ok());
}

TEST_F(MemoryStepsTest, ACancelledJobGivesItsMemoryBack) {
  const auto queue = Start();
  auto a = Submit(queue, Make("a", {1000, 1000}));
  task_.AwaitStep(1);
  auto b = Submit(queue, Make("b", {1}));
  auto c = Submit(queue, Make("c", {1}));
  a->Cancel();
  c->Cancel();
  task_.allowed = kAll;
  EXPECT_EQ(a->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(b->Wait().ok());
  EXPECT_EQ(c->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(queue->Drain(seconds(60)));
  EXPECT_EQ(memory_->used(), 0u);
}

TEST_F(MemoryStepsTest, WhoWaitsForMemoryMayLeave) {
  const auto queue = Start();
  EXPECT_TRUE(memory_->Take(700));
  auto job = Submit(queue, Make("a", {1}));
  AwaitPrepared(*queue, 1);
  job->Cancel();
  EXPECT_EQ(job->Wait().error().code, Code::kDeadline);
}

TEST_F(MemoryStepsTest, MemoryThatOthersHoldIsWaitedForInVainOnlySoLong) {
  const auto queue = Start({.memory_wait = std::chrono::milliseconds(1)});
  EXPECT_TRUE(memory_->Take(700));
  auto job = Make("a", {1});
  job->priority = Priority::kBulk;
  EXPECT_EQ(Submit(queue, job)->Wait().error().message,
            "memory full: waited in vain for 400 bytes, 700 in use, limit 1000");
  memory_->Give(700);
  task_.allowed = kAll;
  auto later = Make("b", {1});
  later->priority = Priority::kBulk;
  EXPECT_TRUE(Submit(queue, later)->Wait().ok());
}

// What the newest holds may be what the oldest lacks; and others' memory comes back some time.
TEST_F(MemoryStepsTest, TheNewestGivesUpFirst) {
  StepsTest::Start({.memory = memory_});
  const auto queue = AddQueue(&task_, {.admission = {.memory_wait = std::chrono::milliseconds(500)},
                                       .one_at_a_time = true});
  EXPECT_TRUE(memory_->Take(700));
  std::vector<std::shared_ptr<CountdownJob>> jobs;
  for (const char* name : {"a", "b", "c"}) {
    jobs.push_back(Make(name, {1}));
    jobs.back()->bytes = 50;
    Submit(queue, jobs.back());
  }
  AwaitPrepared(*queue, 3);
  memory_->Give(270);  // without the third one's 50 there is room
  EXPECT_EQ(jobs[2]->Wait().error().code, Code::kOverloaded);
  task_.AwaitStep(1);
  EXPECT_EQ(task_.steps()[0], CountdownTask::Rows({"a"}));
  memory_->Give(430);
  task_.allowed = kAll;
  EXPECT_TRUE(jobs[0]->Wait().ok());
  EXPECT_TRUE(jobs[1]->Wait().ok());
}

// The time of one that is gone is not the next one's.
TEST_F(MemoryStepsTest, EachLineWaitsAnew) {
  StepsTest::Start({.memory = memory_});
  constexpr auto kWait = std::chrono::milliseconds(300);
  const auto queue = AddQueue(&task_, {.admission = {.memory_wait = kWait}, .one_at_a_time = true});
  task_.allowed = kAll;
  EXPECT_TRUE(memory_->Take(700));
  EXPECT_EQ(Submit(queue, Make("a", {1}))->Wait().error().code, Code::kOverloaded);
  std::this_thread::sleep_for(kWait + kWait / 10);
  const auto next = Submit(queue, Make("b", {1}));
  AwaitPrepared(*queue, 1);
  memory_->Give(700);
  EXPECT_TRUE(next->Wait().ok());
}

// Requests that wait for their turn hold some memory: not what one of them needs for its turn.
TEST_F(MemoryStepsTest, WhoWaitsInALineLeavesRoomForEach) {
  StepsTest::Start({.memory = memory_});
  const auto queue = AddQueue(&task_, {.max_batch_items = 1, .one_at_a_time = true});
  const auto make = [](const char* name, size_t item) {
    auto job = Make(name, {2}, item);
    job->bytes = 150;
    return job;
  };
  auto first = Submit(queue, make("first", 400));
  task_.AwaitStep(1);
  auto second = Submit(queue, make("second", 400));
  AwaitPrepared(*queue, 2);
  auto third = Submit(queue, make("third", 400));
  AwaitPrepared(*queue, 3);
  const Status refused = queue->Submit(make("fourth", 400));
  EXPECT_EQ(refused.error().message,
            "memory full: what waits holds 600 bytes, one needs 400 more, limit 1000");
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  EXPECT_EQ(queue->stats().refusals.memory, 1u);
  // Known only once it is prepared.
  third->Cancel();
  task_.allowed = 1;
  EXPECT_EQ(third->Wait().error().code, Code::kDeadline);
  auto large = make("large", 1);
  large->on_prepare = [&large] { large->bytes_an_item = 600; };
  EXPECT_EQ(Submit(queue, large)->Wait().error().code, Code::kOverloaded);
  task_.allowed = kAll;
  EXPECT_TRUE(first->Wait().ok());
  EXPECT_TRUE(second->Wait().ok());
}

TEST_F(MemoryStepsTest, WhatNeverFitsIsRefusedAtOnce) {
  const auto queue = Start();
  const auto job = Make("a", {1}, 1001);
  EXPECT_EQ(queue->Submit(job).error().message,
            "the request needs 1001 bytes of memory, more than there ever is beside the models, "
            "limit 1000");
  EXPECT_EQ(queue->stats().refusals.memory, 1u);
  // Known only once it is prepared.
  auto later = Make("b", {1}, 900);
  later->on_prepare = [&] { later->bytes_an_item = SIZE_MAX; };
  EXPECT_EQ(Submit(queue, later)->Wait().error().code, Code::kInvalidArgument);
}

TEST_F(MemoryStepsTest, SmallItemsGoOnWhileLargeOnesFillTheMemory) {
  const auto queue = Start();
  auto full = Submit(queue, Make("full", {1000, 1000}, 450));
  task_.AwaitStep(1);
  auto large = Submit(queue, Make("large", {1}, 450));
  auto small = Submit(queue, Make("small", {1}, 7));
  auto none = Submit(queue, Make("none", {1}, 0));
  AwaitPrepared(*queue, 4);
  task_.allowed = 500;  // the full ones are not done
  EXPECT_TRUE(small->Wait().ok());
  EXPECT_TRUE(none->Wait().ok());
  EXPECT_EQ(large->left[0], 1u);
  task_.allowed = kAll;
  EXPECT_TRUE(full->Wait().ok());
  EXPECT_TRUE(large->Wait().ok());
  EXPECT_TRUE(queue->Drain(seconds(60)));
  EXPECT_EQ(memory_->used(), 0u);
}

TEST_F(StepsTest, OneQueueClosesWhileAnotherGoesOn) {
  Start();
  auto closing = AddQueue(&task_);
  const auto other = AddQueue(&other_task_);
  other_task_.allowed = kAll;
  auto running = Submit(closing, "running", {1000});
  task_.AwaitStep(1);
  auto waiting = Submit(closing, "waiting", {1});
  std::thread closer([&] { closing->Close(); });
  AwaitUntil(
      [&] {
        return !closing
                    ->Submit(std::make_shared<CountdownJob>("late", std::vector<uint32_t>{1},
                                                            Priority::kBulk))
                    .ok();
      },
      "the queue to close");
  auto beside = Submit(other, "beside", {3});
  task_.allowed = 1;  // the running step is finished, and no other begins
  closer.join();
  EXPECT_EQ(running->Wait().error().message, "shutting down");
  EXPECT_EQ(waiting->Wait().error().message, "shutting down");
  EXPECT_THAT(running->left, ElementsAre(999));
  EXPECT_TRUE(beside->Wait().ok());
  closing = nullptr;
  EXPECT_TRUE(Submit(other, "later", {1})->Wait().ok());
}

TEST_F(StepsTest, AQueueWithoutAHandleFinishesItsJobs) {
  Start();
  auto queue = AddQueue(&task_);
  auto job = Submit(queue, "a", {3});
  queue = nullptr;
  task_.allowed = kAll;
  EXPECT_TRUE(job->Wait().ok());
  scheduler_->Stop();
}

TEST_F(StepsTest, QueuesShareTheTime) {
  Start();
  const auto one = AddQueue(&task_, {.max_batch_items = 1});
  const auto other = AddQueue(&other_task_, {.max_batch_items = 1});
  other_task_.allowed = kAll;
  auto held = Submit(one, "held", {1});
  task_.AwaitStep(1);
  // All of it waits while the held step runs.
  auto many = Submit(one, "many", std::vector<uint32_t>(200, 1));
  auto few = Submit(other, "few", std::vector<uint32_t>(3, 1));
  AwaitPrepared(*one, 2);
  AwaitPrepared(*other, 1);
  int steps_before = 0;
  other_task_.on_step = [&] { steps_before = task_.begun; };
  task_.allowed = kAll;
  EXPECT_TRUE(few->Wait().ok());
  EXPECT_LT(steps_before, 150) << "the other queue had its turns meanwhile";
  EXPECT_TRUE(many->Wait().ok());
  EXPECT_TRUE(held->Wait().ok());
}

TEST_F(StepsTest, InteractiveGoesBeforeTheBulkOfAnotherQueue) {
  Start();
  const auto one = AddQueue(&task_), other = AddQueue(&other_task_, {.max_batch_items = 1});
  auto bulk = Submit(one, "bulk", {50}, Priority::kBulk);
  task_.AwaitStep(1);
  auto quick = Submit(other, "quick", std::vector<uint32_t>(10, 1));
  AwaitPrepared(*other, 1);
  int bulk_steps = 0;
  other_task_.on_step = [&] { bulk_steps = task_.begun; };
  task_.allowed = other_task_.allowed = kAll;
  EXPECT_TRUE(quick->Wait().ok());
  EXPECT_EQ(bulk_steps, 1);
  EXPECT_TRUE(bulk->Wait().ok());
}

TEST_F(StepsTest, AStepThatYieldsLetsOthersGoWithinIt) {
  Start();
  const auto yielding = AddQueue(&task_, {.yields = true});
  const auto other = AddQueue(&other_task_);
  auto text = Submit(yielding, "text", {2});
  task_.AwaitStep(1);
  auto late = Submit(yielding, "late", {1});
  other_task_.allowed = kAll;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Submit(other, "query", {1})->Wait().ok());
  EXPECT_EQ(task_.steps().size(), 1u) << "which still runs";
  task_.allowed = kAll;
  EXPECT_TRUE(text->Wait().ok());
  EXPECT_TRUE(late->Wait().ok());
  EXPECT_EQ(text->left[0], 0u);
}

TEST_F(StepsTest, BulkDoesNotGoWithinAStep) {
  Start();
  const auto yielding = AddQueue(&task_, {.yields = true});
  const auto other = AddQueue(&other_task_);
  auto text = Submit(yielding, "text", {1});
  task_.AwaitStep(1);
  other_task_.allowed = kAll;
  auto bulk = Submit(other, "bulk", {1}, Priority::kBulk);
  AwaitPrepared(*other, 1);
  auto query = Submit(other, "query", {1});
  EXPECT_TRUE(query->Wait().ok());
  EXPECT_EQ(other_task_.steps(), std::vector<CountdownTask::Rows>({{"query"}}));
  task_.allowed = kAll;
  EXPECT_TRUE(bulk->Wait().ok());
  EXPECT_TRUE(text->Wait().ok());
}

TEST_F(StepsTest, AHeavyStepHoldsUpNobodyAndGivesWay) {
  Start({.compute_threads = 2});
  const auto heavy = AddQueue(&task_, {.heavy = true});
  const auto quick = AddQueue(&other_task_);
  other_task_.allowed = kAll;
  auto image = Submit(heavy, "image", {2});
  task_.AwaitStep(1);
  EXPECT_TRUE(Submit(quick, "query", {1})->Wait().ok());
  EXPECT_EQ(task_.steps().size(), 1u);  // which still runs
  task_.allowed = kAll;
  EXPECT_TRUE(image->Wait().ok());
  EXPECT_GT(task_.nice, other_task_.nice);
}

TEST_F(StepsTest, SmallInteractiveJobsArePreparedFirst) {
  for (const int threads : {1, 2}) {
    task_.allowed = kAll;
    Start({.prepare_threads = threads});
    const auto queue = AddQueue(&task_);
    std::promise<void> begun, go;
    const auto blocking = [&, done = false]() mutable {
      if (std::exchange(done, true)) return;
      begun.set_value();
      Await(go, "go");
    };
    std::mutex mutex;
    std::vector<std::string> order;
    std::vector<std::shared_ptr<CountdownJob>> jobs;
    const auto submit = [&](const std::string& name, Priority priority, size_t bytes) {
      auto job = std::make_shared<CountdownJob>(name, std::vector<uint32_t>{1}, priority);
      job->bytes = bytes;
      job->on_prepare = [&, name] {
        const std::lock_guard lock(mutex);
        order.push_back(name);
      };
      if (jobs.empty()) job->on_prepare = blocking;
      EXPECT_TRUE(queue->Submit(job).ok());
      jobs.push_back(job);
    };
    submit("first bulk", Priority::kBulk, 0);
    Await(begun, "the first job to be prepared");
    submit("bulk", Priority::kBulk, 0);
    submit("large", Priority::kInteractive, 2 << 20);
    submit("small", Priority::kInteractive, 0);
    // Where there are two threads, one is free for it at once.
    if (threads == 2) {
      AwaitUntil([&] { return queue->stats().jobs_prepared > 0; }, "the small job");
    }
    go.set_value();
    for (const auto& job : jobs) EXPECT_TRUE(job->Wait().ok());
    EXPECT_THAT(order, ElementsAre("small", "bulk", "large"));
    scheduler_->Stop();
  }
}

}  // namespace
}  // namespace minnow
