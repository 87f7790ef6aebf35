// SPDX-License-Identifier: Apache-2.0
// The engine with a made-up task: results reach their job, refusals, cancellation, failures, drain
// and stop.
#include "engine/engine.h"

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
  size_t expected_tokens() const override { return 1; }
  Result<std::vector<uint32_t>> Prepare() override {
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
  }

  bool finishes_within(milliseconds limit) {
    return future_.wait_for(limit) == std::future_status::ready;
  }
  Status Wait() {
    if (!finishes_within(seconds(20))) return Error{Code::kInternal, "Done was not called"};
    return future_.get();
  }

  std::vector<uint64_t> squares;
  bool out_of_memory = false;
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

  size_t max_item_tokens() const override { return 100; }
  std::unique_ptr<Workspace> NewWorkspace(size_t, size_t, ThreadPool* pool) const override {
    if (no_workspace) throw std::bad_alloc();
    auto buffers = std::make_unique<Buffers>();
    buffers->pool = pool;
    return buffers;
  }
  void Run(std::span<const BatchItem> batch, Workspace& workspace) const override {
    size_t tokens = 0;
    for (const BatchItem& item : batch) tokens += item.tokens;
    largest_batch = std::max(largest_batch.load(), tokens);
    ++batches;
    AwaitUntil([this] { return !held; }, "the test to let go");
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
  mutable std::atomic<bool> held{false};  // Run waits
  mutable std::atomic<bool> fail_next{false};
  mutable std::atomic<int> batches{0};
  mutable std::atomic<size_t> largest_batch{0};
};

std::shared_ptr<SquareJob> NewJob(std::vector<uint32_t> numbers) {
  return std::make_shared<SquareJob>(std::move(numbers));
}

class EngineTest : public ::testing::Test {
 protected:
  void Start(EngineOptions options = {}) {
    auto engine = Engine::Start(options, &task_);
    ASSERT_TRUE(engine.ok());
    engine_ = std::move(engine).value();
  }
  // Keeps the worker busy until `task_.held` is false again.
  std::shared_ptr<SquareJob> Hold() {
    task_.held = true;
    const int before = task_.batches;
    auto job = NewJob({1});
    EXPECT_TRUE(engine_->Submit(job).ok());
    AwaitUntil([&] { return task_.batches != before; }, "the batch");
    return job;
  }

  SquareTask task_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, ComputesOneJob) {
  Start();
  auto job = NewJob({1, 2, 3});
  ASSERT_TRUE(engine_->Submit(job).ok());
  EXPECT_TRUE(job->Wait().ok());
  EXPECT_EQ(job->squares, std::vector<uint64_t>({1, 4, 9}));
  EXPECT_GT(job->timings.prepare.count(), 0);
  EXPECT_GT(job->timings.queue.count(), 0);
  EXPECT_GT(job->timings.run.count(), 0);
  EXPECT_TRUE(engine_->Drain(seconds(20)));
  EXPECT_EQ(engine_->load().jobs, 0u);
  EXPECT_EQ(engine_->load().tokens, 0u);
  EXPECT_EQ(engine_->stats().batch_tokens, 6u);
}

TEST_F(EngineTest, SplitsAndJoinsALargeJob) {
  Start({.max_batch_tokens = 100, .compute_threads = 2});
  std::vector<uint32_t> numbers(1000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint32_t>(1 + i % 100);
  auto job = NewJob(numbers);
  ASSERT_TRUE(engine_->Submit(job).ok());
  EXPECT_TRUE(job->Wait().ok());
  for (size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(job->squares[i], numbers[i] * numbers[i]);
  EXPECT_LE(task_.largest_batch, 100u);
  EXPECT_GT(task_.batches, 100);
}

TEST_F(EngineTest, ManyClients) {
  Start({.max_batch_tokens = 200, .prepare_threads = 3, .compute_threads = 2});
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (uint32_t c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      for (uint32_t i = 0; i < 50; ++i) {
        auto job = NewJob({c + 1, i + 1, 7});
        if (i % 10 == 9) job->Cancel();
        if (!engine_->Submit(job).ok()) ++wrong;
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

TEST_F(EngineTest, JobWithoutItemsIsDoneOncePrepared) {
  Start();
  auto job = NewJob({});
  ASSERT_TRUE(engine_->Submit(job).ok());
  EXPECT_TRUE(job->Wait().ok());
  EXPECT_EQ(task_.batches, 0);
}

TEST_F(EngineTest, PrepareErrorReachesTheJobAlone) {
  Start();
  auto bad = NewJob({0}), good = NewJob({5});
  ASSERT_TRUE(engine_->Submit(bad).ok());
  ASSERT_TRUE(engine_->Submit(good).ok());
  EXPECT_EQ(bad->Wait().error().message, "numbers[0]: 0");
  EXPECT_TRUE(good->Wait().ok());
}

TEST_F(EngineTest, RefusesAboveItsLimitsAndRecovers) {
  Start({.admission = {.jobs = 2}});
  auto first = Hold();
  auto second = NewJob({2}), third = NewJob({3});
  EXPECT_TRUE(engine_->Submit(second).ok());
  EXPECT_EQ(engine_->Submit(third).error().code, Code::kOverloaded);
  EXPECT_EQ(engine_->stats().jobs_refused, 1u);
  task_.held = false;
  EXPECT_TRUE(first->Wait().ok());
  EXPECT_TRUE(second->Wait().ok());
  EXPECT_EQ(third->done_calls, 0);
  EXPECT_TRUE(engine_->Submit(third).ok());  // the place is free as soon as Done was called
  EXPECT_TRUE(third->Wait().ok());
}

TEST_F(EngineTest, CancelledAndLateJobsAreNotComputed) {
  Start();
  auto first = Hold();
  auto cancelled = NewJob({2}), late = NewJob({3}), kept = NewJob({4});
  late->deadline = Job::Clock::now() + milliseconds(5);
  for (const auto& job : {cancelled, late, kept}) ASSERT_TRUE(engine_->Submit(job).ok());
  std::this_thread::sleep_for(milliseconds(10));
  cancelled->Cancel();
  task_.held = false;
  EXPECT_EQ(cancelled->Wait().error().code, Code::kDeadline);
  EXPECT_EQ(late->Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(kept->Wait().ok());
  EXPECT_EQ(engine_->stats().batch_items, 2u);
}

TEST_F(EngineTest, OutOfMemoryFailsTheBatchAndNothingElse) {
  Start();
  task_.fail_next = true;
  auto failed = NewJob({2});
  ASSERT_TRUE(engine_->Submit(failed).ok());
  const Status status = failed->Wait();
  EXPECT_EQ(status.error().code, Code::kOverloaded);
  EXPECT_THAT(status.error().message, HasSubstr("memory"));
  auto unprepared = NewJob({2});
  unprepared->out_of_memory = true;
  ASSERT_TRUE(engine_->Submit(unprepared).ok());
  EXPECT_EQ(unprepared->Wait().error().code, Code::kOverloaded);
  auto next = NewJob({3});
  ASSERT_TRUE(engine_->Submit(next).ok());
  EXPECT_TRUE(next->Wait().ok());
  EXPECT_EQ(next->squares, std::vector<uint64_t>({9}));
}

TEST_F(EngineTest, NoMemoryForTheWorkspaceIsAnError) {
  task_.no_workspace = true;
  EXPECT_THAT(Engine::Start({}, &task_).error().message, HasSubstr("workspace"));
}

TEST_F(EngineTest, DrainFinishesWhatWasTakenAndRefusesTheRest) {
  Start();
  auto first = Hold();
  auto second = NewJob({2});
  ASSERT_TRUE(engine_->Submit(second).ok());
  EXPECT_FALSE(engine_->Drain(milliseconds(5)));
  EXPECT_EQ(engine_->Submit(NewJob({3})).error().message, "shutting down");
  task_.held = false;
  EXPECT_TRUE(engine_->Drain(seconds(20)));
  EXPECT_EQ(first->done_calls, 1);
  EXPECT_EQ(second->done_calls, 1);
  EXPECT_TRUE(second->Wait().ok());
}

TEST_F(EngineTest, StopEndsWaitingJobs) {
  Start({.max_batch_tokens = 100});
  auto running = Hold();
  auto waiting = NewJob(std::vector<uint32_t>(10, 100));
  ASSERT_TRUE(engine_->Submit(waiting).ok());
  std::thread stopper([&] { engine_->Stop(); });
  AwaitUntil([&] { return !engine_->Submit(NewJob({1})).ok(); }, "the engine to stop");
  task_.held = false;
  stopper.join();
  EXPECT_TRUE(running->Wait().ok());
  EXPECT_EQ(waiting->Wait().error().code, Code::kOverloaded);
  auto after = NewJob({1});
  EXPECT_FALSE(engine_->Submit(after).ok());
  EXPECT_EQ(after->done_calls, 0);
}

TEST_F(EngineTest, StopWhileClientsSubmit) {
  for (int round = 0; round < 20; ++round) {
    Start({.prepare_threads = 2});
    std::atomic<int> wrong{0};
    std::thread client([&] {
      for (uint32_t i = 1; i < 50; ++i) {
        auto job = NewJob({i});
        if (engine_->Submit(job).ok()) {
          const Status status = job->Wait();
          if (!status.ok() && status.error().code != Code::kOverloaded) ++wrong;
        }
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
    engine_->Stop();
    client.join();
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace minnow
