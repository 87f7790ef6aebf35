// SPDX-License-Identifier: Apache-2.0
// For tests: a task of many steps, whose jobs count down, and a fixture with a scheduler for it.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/scheduler.h"
#include "tests/await.h"

namespace minnow {

// Each item counts down from its number, one for each step.
class CountdownJob : public Job {
 public:
  CountdownJob(std::string name, std::vector<uint32_t> steps, Priority priority)
      : name(std::move(name)), left(std::move(steps)) {
    this->priority = priority;
  }

  size_t expected_items() const override { return left.size(); }
  Cost expected_cost() const override {
    return {.work = work, .bytes = bytes, .item_bytes = bytes_an_item, .step_work = step_work};
  }
  size_t item_bytes(size_t) const override { return bytes_an_item; }
  Result<std::vector<uint32_t>> Prepare() override {
    if (on_prepare) on_prepare();
    return std::vector<uint32_t>(left.size(), 1);
  }
  void Done(Status status, const JobTimings&) override { done_.set_value(std::move(status)); }
  Status Wait() { return Await(std::move(future_), "Done"); }

  const std::string name;
  std::vector<uint32_t> left;
  size_t work = left.size();
  size_t step_work = 0;
  size_t bytes = 0;
  size_t bytes_an_item = 0;
  std::function<void()> on_prepare;

 private:
  std::promise<Status> done_;
  std::future<Status> future_ = done_.get_future();
};

// Runs a step only when it is told to, and remembers whose items were in each.
class CountdownTask : public Task {
 public:
  using Rows = std::multiset<std::string>;

  size_t max_item_work() const override { return 1; }
  size_t WorkspaceBytes(size_t, size_t, int) const override { return 0; }
  std::unique_ptr<Workspace> NewWorkspace(size_t, size_t, ThreadPool*) const override {
    return std::make_unique<YieldingWorkspace>();
  }
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override {
    Rows rows;
    for (const BatchItem& item : items) rows.insert(static_cast<CountdownJob&>(*item.job).name);
    if (on_step) on_step();
    {
      const std::lock_guard lock(mutex_);
      steps_.push_back(std::move(rows));
    }
    nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
    const int number = ++begun;
    const auto allows = [&] {
      const auto* yielding = dynamic_cast<YieldingWorkspace*>(&workspace);
      if (yielding != nullptr && yielding->yield) yielding->yield();
      return allowed >= number;
    };
    AwaitUntil(allows, "the test to allow a step");
    for (size_t i = 0; i < items.size(); ++i) {
      uint32_t& left = static_cast<CountdownJob&>(*items[i].job).left[items[i].index];
      --left;
      outcomes[i] = {.next_work = left > 0 ? 1u : 0u, .more_bytes = bytes_a_step};
    }
  }

  void AwaitStep(int number) const {
    AwaitUntil([&] { return begun >= number; }, "a step to begin");
  }
  std::vector<Rows> steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }

  size_t bytes_a_step = 0;
  std::function<void()> on_step;
  std::atomic<int> allowed{0};
  mutable std::atomic<int> begun{0};
  mutable std::atomic<int> nice{0};

 private:
  mutable std::mutex mutex_;
  mutable std::vector<Rows> steps_;
};

inline constexpr int kAll = 1'000'000;

class StepsTest : public ::testing::Test {
 protected:
  void Start(SchedulerOptions options = {}) { scheduler_ = Scheduler::Start(options).value(); }
  std::shared_ptr<ModelQueue> AddQueue(const Task* task, ModelQueueOptions options = {}) {
    return scheduler_->AddQueue(task, options).value();
  }
  static std::shared_ptr<CountdownJob> Submit(const std::shared_ptr<ModelQueue>& queue,
                                              std::string name, std::vector<uint32_t> steps,
                                              Priority priority = Priority::kInteractive) {
    auto job = std::make_shared<CountdownJob>(std::move(name), std::move(steps), priority);
    EXPECT_TRUE(queue->Submit(job).ok());
    return job;
  }
  // Until the next step finds the items of `jobs` jobs.
  static void AwaitPrepared(const ModelQueue& queue, size_t jobs) {
    AwaitUntil([&] { return queue.stats().jobs_prepared >= jobs; }, "jobs to be prepared");
  }

  CountdownTask task_, other_task_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace minnow
