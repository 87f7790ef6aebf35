// SPDX-License-Identifier: Apache-2.0
// One queue with a made-up task: results reach their job, refusals, cancellation, failures, drain
// and the end. What takes several steps or queues is in steps_test.cc.
#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <new>
#include <numeric>
#include <string>

#include "tests/await.h"

namespace minnow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Squares numbers; a number's cost is what it says.
class SquareJob : public Job {
 public:
  explicit SquareJob(std::vector<uint32_t> numbers) : numbers_(std::move(numbers)) {}

  size_t expected_items() const override { return numbers_.size(); }
  Cost expected_cost() const override {
    return {std::accumulate(numbers_.begin(), numbers_.end(), size_t{0}), bytes};
  }
  Result<std::vector<uint32_t>> Prepare() override {
    preparing = true;
    AwaitUntil([this] { return !held; }, "the test to let go");
    if (out_of_memory) throw std::bad_alloc();
    for (const uint32_t number : numbers_) {
      if (number == 0) return Error{Code::kInvalidArgument, "numbers[0]: 0"};
    }
    squares.resize(numbers_.size());
    return numbers_;
  }
  void Done(Status status, const JobTimings& timings) override {
    ++done_calls;
    this->timings = timings;
    done_.set_value(std::move(status));
    if (throws_when_done) throw std::bad_alloc();
  }

  bool finishes_within(milliseconds limit) {
    return future_.wait_for(limit) == std::future_status::ready;
  }
  Status Wait() {
    if (!finishes_within(seconds(20))) return Error{Code::kInternal, "Done was not called"};
    return future_.get();
  }

  std::vector<uint64_t> squares;
  size_t bytes = 0;
  std::atomic<bool> preparing{false};
  std::atomic<bool> held{false};  // Prepare waits
  bool out_of_memory = false;
  bool throws_when_done = false;
  std::atomic<int> done_calls{0};
  JobTimings timings;

 private:
  friend class SquareTask;
  std::vector<uint32_t> numbers_;
  std::promise<Status> done_;
  std::future<Status> future_ = done_.get_future();
};

class SquareTask : public Task {
 public:
  struct Buffers : Workspace {
    ThreadPool* pool;
  };

  size_t max_item_work() const override { return 100; }
  size_t WorkspaceBytes(size_t max_work, size_t, int) const override { return max_work; }
  std::unique_ptr<Workspace> NewWorkspace(size_t, size_t, ThreadPool* pool) const override {
    if (no_workspace) throw std::bad_alloc();
    auto buffers = std::make_unique<Buffers>();
    buffers->pool = pool;
    return buffers;
  }
  void Step(std::span<const BatchItem> batch, Workspace& workspace,
            std::span<StepOutcome>) const override {
    size_t work = 0;
    for (const BatchItem& item : batch) work += item.work;
    largest_batch = std::max(largest_batch.load(), work);
    ++batches;
    AwaitUntil([this] { return !held; }, "the test to let go");
    std::this_thread::sleep_for(step_time.load());
    if (fail_next.exchange(false)) throw std::bad_alloc();
    ThreadPool& pool = *static_cast<Buffers&>(workspace).pool;
    pool.Run([&](int member) {
      for (size_t i = static_cast<size_t>(member); i < batch.size();
           i += static_cast<size_t>(pool.size())) {
        auto& job = static_cast<SquareJob&>(*batch[i].job);
        const uint64_t number = job.numbers_[batch[i].index];
        job.squares[batch[i].index] = number * number;
      }
    });
  }

  bool no_workspace = false;
  mutable std::atomic<bool> held{false};  // Step waits
  mutable std::atomic<bool> fail_next{false};
  std::atomic<milliseconds> step_time{milliseconds(0)};
  mutable std::atomic<int> batches{0};
  mutable std::atomic<size_t> largest_batch{0};
};

std::shared_ptr<SquareJob> NewJob(std::vector<uint32_t> numbers) {
  return std::make_shared<SquareJob>(std::move(numbers));
}

class SchedulerTest : public ::testing::Test {
 protected:
  void Start(ModelQueueOptions options = {}, SchedulerOptions scheduler = {}) {
    queue_ = nullptr;
    scheduler_ = Scheduler::Start(scheduler).value();
    auto queue = scheduler_->AddQueue(&task_, options);
    ASSERT_TRUE(queue.ok());
    queue_ = std::move(queue).value();
  }
  // Keeps the worker busy until `task_.held` is false again.
  std::shared_ptr<SquareJob> Hold() {
    task_.held = true;
    const int before = task_.batches;
    auto job = NewJob({1});
    EXPECT_TRUE(queue_->Submit(job).ok());
    AwaitUntil([&] { return task_.batches != before; }, "the batch");
    return job;
  }

  SquareTask task_;
  std::unique_ptr<Scheduler> scheduler_;
  std::shared_ptr<ModelQueue> queue_;
};

TEST_F(SchedulerTest, ComputesOneJob) {
  Start();
  auto job = NewJob({1, 2, 3});
  ASSERT_TRUE(queue_->Submit(job).ok());
  EXPECT_TRUE(job->Wait().ok());
  EXPECT_EQ(job->squares, std::vector<uint64_t>({1, 4, 9}));
  EXPECT_GT(job->timings.prepare.count(), 0);
  EXPECT_GT(job->timings.queue.count(), 0);
  EXPECT_GT(job->timings.run.count(), 0);
  EXPECT_TRUE(queue_->Drain(seconds(20)));
  EXPECT_EQ(queue_->load().jobs, 0u);
  EXPECT_EQ(queue_->load().work, 0u);
  EXPECT_EQ(queue_->stats().step_work, 6u);
}

TEST_F(SchedulerTest, SplitsAndJoinsALargeJob) {
  Start({.max_batch_work = 100}, {.compute_threads = 2});
  std::vector<uint32_t> numbers(1000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint32_t>(1 + i % 100);
  auto job = NewJob(numbers);
  ASSERT_TRUE(queue_->Submit(job).ok());
  EXPECT_TRUE(job->Wait().ok());
  for (size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(job->squares[i], numbers[i] * numbers[i]);
  EXPECT_LE(task_.largest_batch, 100u);
  EXPECT_GT(task_.batches, 100);
}

TEST_F(SchedulerTest, ManyClients) {
  Start({.max_batch_work = 200}, {.compute_threads = 2, .prepare_threads = 3});
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (uint32_t c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      for (uint32_t i = 0; i < 50; ++i) {
        auto job = NewJob({c + 1, i + 1, 7});
        if (i % 10 == 9) job->Cancel();
        if (!queue_->Submit(job).ok()) ++wrong;
        const Status status = job->Wait();
        if (job->done_calls != 1) ++wrong;
        if (i % 10 != 9 && (!status.ok() || job->squares[1] != (i + 1) * (i + 1))) ++wrong;
        if (i % 10 == 9 && status.ok()) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(SchedulerTest, JobWithoutItemsIsDoneOncePrepared) {
  Start();
  auto job = NewJob({});
  ASSERT_TRUE(queue_->Submit(job).ok());
  EXPECT_TRUE(job->Wait().ok());
  EXPECT_EQ(task_.batches, 0);
}

TEST_F(SchedulerTest, PrepareErrorReachesTheJobAlone) {
  Start();
  auto bad = NewJob({0}), good = NewJob({5});
  ASSERT_TRUE(queue_->Submit(bad).ok());
  ASSERT_TRUE(queue_->Submit(good).ok());
  EXPECT_EQ(bad->Wait().error().message, "numbers[0]: 0");
  EXPECT_TRUE(good->Wait().ok());
}

TEST_F(SchedulerTest, RefusesAboveItsLimitsAndRecovers) {
  Start({.admission = {.jobs = 2}});
  auto first = Hold();
  auto second = NewJob({2}), third = NewJob({3});
  EXPECT_TRUE(queue_->Submit(second).ok());
  EXPECT_EQ(queue_->Submit(third).error().code, Code::kOverloaded);
  EXPECT_EQ(queue_->stats().jobs_refused, 1u);
  task_.held = false;
  EXPECT_TRUE(first->Wait().ok());
  EXPECT_TRUE(second->Wait().ok());
  EXPECT_EQ(third->done_calls, 0);
  EXPECT_TRUE(queue_->Submit(third).ok());  // the place is free as soon as Done was called
  EXPECT_TRUE(third->Wait().ok());
}

TEST_F(SchedulerTest, CancelledAndLateJobsAreNotComputed) {
  Start();
  auto first = Hold();
  auto cancelled = NewJob({2}), late = NewJob({3}), kept = NewJob({4});
  late->deadline = Job::Clock::now() + milliseconds(5);
  for (const auto& job : {cancelled, late, kept}) ASSERT_TRUE(queue_->Submit(job).ok());
  std::this_thread::sleep_for(milliseconds(10));
  cancelled->Cancel();
  task_.held = false;
  EXPECT_EQ(cancelled->Wait().error().code, Code::kDeadline);
  EXPECT_EQ(late->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(kept->Wait().ok());
  EXPECT_EQ(queue_->stats().step_items, 2u);
}

TEST_F(SchedulerTest, OutOfMemoryFailsTheBatchAndNothingElse) {
  Start();
  task_.fail_next = true;
  auto failed = NewJob({2});
  ASSERT_TRUE(queue_->Submit(failed).ok());
  const Status status = failed->Wait();
  EXPECT_EQ(status.error().code, Code::kOverloaded);
  EXPECT_THAT(status.error().message, HasSubstr("memory"));
  auto unprepared = NewJob({2});
  unprepared->out_of_memory = true;
  ASSERT_TRUE(queue_->Submit(unprepared).ok());
  EXPECT_EQ(unprepared->Wait().error().code, Code::kOverloaded);
  auto next = NewJob({3});
  ASSERT_TRUE(queue_->Submit(next).ok());
  EXPECT_TRUE(next->Wait().ok());
  EXPECT_EQ(next->squares, std::vector<uint64_t>({9}));
}

TEST_F(SchedulerTest, NoMemoryForTheWorkspaceIsAnError) {
  task_.no_workspace = true;
  const auto scheduler = Scheduler::Start({}).value();
  EXPECT_THAT(scheduler->AddQueue(&task_, {}).error().message, HasSubstr("workspace"));
  EXPECT_EQ(scheduler->memory()->used(), 0u);
}

TEST_F(SchedulerTest, DrainFinishesWhatWasTakenAndRefusesTheRest) {
  Start();
  auto first = Hold();
  auto second = NewJob({2});
  ASSERT_TRUE(queue_->Submit(second).ok());
  EXPECT_FALSE(queue_->Drain(milliseconds(5)));
  EXPECT_EQ(queue_->Submit(NewJob({3})).error().message, "shutting down");
  task_.held = false;
  EXPECT_TRUE(queue_->Drain(seconds(20)));
  EXPECT_EQ(first->done_calls, 1);
  EXPECT_EQ(second->done_calls, 1);
  EXPECT_TRUE(second->Wait().ok());
}

TEST_F(SchedulerTest, StopEndsWaitingJobs) {
  Start({.max_batch_work = 100});
  auto running = Hold();
  auto waiting = NewJob(std::vector<uint32_t>(10, 100));
  ASSERT_TRUE(queue_->Submit(waiting).ok());
  std::thread stopper([&] { scheduler_->Stop(); });
  AwaitUntil([&] { return !queue_->Submit(NewJob({1})).ok(); }, "the engine to stop");
  task_.held = false;
  stopper.join();
  EXPECT_TRUE(running->Wait().ok());
  EXPECT_EQ(waiting->Wait().error().code, Code::kOverloaded);
  auto after = NewJob({1});
  EXPECT_FALSE(queue_->Submit(after).ok());
  EXPECT_EQ(after->done_calls, 0);
}

TEST_F(SchedulerTest, StopWhileClientsSubmit) {
  for (int round = 0; round < 20; ++round) {
    Start({}, {.prepare_threads = 2});
    std::atomic<int> wrong{0};
    std::thread client([&] {
      for (uint32_t i = 1; i < 50; ++i) {
        auto job = NewJob({i});
        if (queue_->Submit(job).ok()) {
          const Status status = job->Wait();
          if (!status.ok() && status.error().code != Code::kOverloaded) ++wrong;
        }
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
    scheduler_->Stop();
    client.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST_F(SchedulerTest, AStepLargerThanTheBatchesIsAnError) {
  Start({.max_batch_work = 10});  // raised to 100, as the task says
  auto fits = NewJob({100}), larger = NewJob({101});
  ASSERT_TRUE(queue_->Submit(fits).ok());
  ASSERT_TRUE(queue_->Submit(larger).ok());
  EXPECT_TRUE(fits->Wait().ok());
  EXPECT_EQ(larger->Wait().error().code, Code::kInternal);
}

TEST_F(SchedulerTest, AnAnswerThatFailsEndsItsJobAlone) {
  Start();
  auto failing = NewJob({2});
  failing->throws_when_done = true;
  ASSERT_TRUE(queue_->Submit(failing).ok());
  EXPECT_TRUE(failing->Wait().ok());
  auto next = NewJob({3});
  ASSERT_TRUE(queue_->Submit(next).ok());
  EXPECT_TRUE(next->Wait().ok());
  EXPECT_TRUE(queue_->Drain(seconds(20)));
  EXPECT_EQ(queue_->load().jobs, 0u);
}

TEST_F(SchedulerTest, RefusesWhatWouldWaitTooLong) {
  Start({.admission = {.wait = seconds(100)}});
  task_.step_time = milliseconds(20);
  auto measured = NewJob({1});  // at least 20 ms a unit, from now on
  ASSERT_TRUE(queue_->Submit(measured).ok());
  EXPECT_TRUE(measured->Wait().ok());
  auto first = Hold();
  auto large = NewJob(std::vector<uint32_t>(100, 100));
  EXPECT_TRUE(queue_->Submit(large).ok()) << "it has to wait for one unit only";
  auto same = NewJob(std::vector<uint32_t>(100, 100));
  const Status status = queue_->Submit(same);
  EXPECT_THAT(status.error().message, HasSubstr("expected wait"));
  EXPECT_EQ(queue_->stats().refusals.wait, 1u);
  EXPECT_EQ(queue_->retry_after(), seconds(10)) << "the longest";
  auto small = NewJob({1});
  EXPECT_TRUE(queue_->Submit(small).ok()) << "it goes before most of the large one";
  auto bulk = NewJob({5});
  bulk->priority = Priority::kBulk;
  EXPECT_TRUE(queue_->Submit(bulk).ok()) << "bulk waits as long as it takes";
  task_.step_time = milliseconds(0);
  task_.held = false;
  for (const auto& job : {first, large, small, bulk}) EXPECT_TRUE(job->Wait().ok());
  EXPECT_TRUE(queue_->Submit(same).ok()) << "nothing waits any more";
  EXPECT_TRUE(same->Wait().ok());
  EXPECT_EQ(queue_->load().work, 0u);
}

TEST_F(SchedulerTest, WhatIsBeingPreparedCountsAsWork) {
  Start({.admission = {.wait = seconds(100)}});
  task_.step_time = milliseconds(20);
  auto measured = NewJob({1});
  ASSERT_TRUE(queue_->Submit(measured).ok());
  EXPECT_TRUE(measured->Wait().ok());
  AwaitUntil([this] { return queue_->stats().steps == 1; }, "the rate");
  auto large = NewJob(std::vector<uint32_t>(100, 100));
  large->held = true;
  ASSERT_TRUE(queue_->Submit(large).ok());
  AwaitUntil([&] { return large->preparing.load(); }, "the large job to be prepared");
  const Status status = queue_->Submit(NewJob(std::vector<uint32_t>(100, 100)));
  large->Cancel();
  large->held = false;
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("expected wait"));
}

TEST_F(SchedulerTest, MemoryOfWorkspacesAndJobsHasOneCeiling) {
  auto memory = std::make_shared<MemoryBudget>(1000);
  Start({.max_batch_work = 400}, {.memory = memory});
  EXPECT_EQ(memory->used(), 400u);
  EXPECT_THAT(scheduler_->AddQueue(&task_, {.max_batch_work = 601}).error().message,
              HasSubstr("400 bytes in use, limit 1000"));
  auto first = Hold();
  auto second = NewJob({2}), third = NewJob({2});
  second->bytes = 500;
  third->bytes = 101;
  EXPECT_TRUE(queue_->Submit(second).ok());
  EXPECT_THAT(queue_->Submit(third).error().message, HasSubstr("memory full"));
  EXPECT_EQ(queue_->stats().refusals.memory, 1u);
  task_.held = false;
  EXPECT_TRUE(second->Wait().ok());
  EXPECT_TRUE(first->Wait().ok());
  EXPECT_TRUE(queue_->Drain(seconds(20)));
  EXPECT_EQ(memory->used(), 400u);
  queue_->Close();
  EXPECT_EQ(memory->used(), 0u);
}

}  // namespace
}  // namespace minnow
