// SPDX-License-Identifier: Apache-2.0
// Job and Task: the interface between the engine, which schedules, and the tasks, which know
// models.
//
// A job is one request: Prepare turns its input into items; a queue packs items of many jobs into
// batches; Task::Step computes one step of a batch and leaves results in the jobs; Done ends the
// job. An embedding is done in one step. A text that is generated takes a step for each token, an
// image one for each round of denoising: between steps such an item waits like any other, so that
// items join and leave, interactive ones go first, and a cancelled one stops.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"

namespace minnow {

// Interactive items go into a batch before bulk items.
enum class Priority { kInteractive, kBulk };

// `work` is in a unit of the task's own choice (tokens, say), for which time is about proportional.
struct Cost {
  size_t work = 0;
  size_t bytes = 0;  // of memory, held until the job is done
  // The most that one item takes besides (Job::item_bytes): what never fits is refused at once.
  size_t item_bytes = 0;
  // What the longest steps of all items take, where items go in many; 0: the work is done in one.
  size_t step_work = 0;
};

// Where a job's time went.
struct JobTimings {
  std::chrono::nanoseconds prepare{0};
  std::chrono::nanoseconds queue{0};  // waiting: to be prepared, and for the first batch
  std::chrono::nanoseconds run{0};    // the steps that held items of this job
};

class Job {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Job() = default;

  // What the job as a whole will cost, all steps of all items, for admission. Called before Prepare
  // and, when more is known, after it.
  virtual size_t expected_items() const = 0;
  virtual Cost expected_cost() const = 0;

  // Called once, on a preparing thread: checks the input and gives the work of each item's first
  // step (at most Task::max_item_work). No items: the job is done. An error ends the job. May throw
  // std::bad_alloc.
  virtual Result<std::vector<uint32_t>> Prepare() = 0;

  // Memory that an item takes in its first step and gives back in its last, counted beside
  // expected_cost().bytes: a cache. The item waits for its first step until there is room for it.
  // Called after Prepare, with the engine's lock held; always the same.
  virtual size_t item_bytes(size_t /*item*/) const { return 0; }

  // Called once, last, on an engine thread and without its locks; must be quick. After an error
  // some items may have been computed all the same. Where it throws (std::bad_alloc), the job is
  // dropped: whoever waits must learn of it by the job's destruction.
  virtual void Done(Status status, const JobTimings& timings) = 0;

  // Any thread: nobody wants the result any more. Items that are not in a running step are dropped,
  // and the job ends with kDeadline.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // The same, for what looks at it often within a step.
  const std::atomic<bool>* cancel_flag() const { return &cancelled_; }

  // Set before Submit. Past the deadline the job is treated as cancelled.
  Clock::time_point deadline = Clock::time_point::max();
  Priority priority = Priority::kInteractive;

 private:
  std::atomic<bool> cancelled_{false};
};

// One item of a batch.
struct BatchItem {
  Job* job;
  uint32_t index;  // which of the job's items
  uint32_t work;   // of this step
};

// What became of an item in a step.
struct StepOutcome {
  // Work of the item's next step, at most Task::max_item_work; 0: the item is done.
  uint32_t next_work = 0;
  // Memory that the step added to what the item holds (a cache that grows).
  size_t more_bytes = 0;
};

class Task {
 public:
  // Buffers for the largest batch; one for each queue.
  class Workspace {
   public:
    virtual ~Workspace() = default;
  };

  virtual ~Task() = default;

  // The largest work of one step of an item.
  virtual size_t max_item_work() const = 0;
  // About how much NewWorkspace allocates.
  virtual size_t WorkspaceBytes(size_t max_work, size_t max_items, int threads) const = 0;
  // `pool` runs the arithmetic and outlives the workspace. May throw std::bad_alloc.
  virtual std::unique_ptr<Workspace> NewWorkspace(size_t max_work, size_t max_items,
                                                  ThreadPool* pool) const = 0;
  // Called on one thread at a time for a workspace: computes a step of every item, stores results
  // in the jobs and sets outcomes[i], which come as "done", of items[i]. Total, but for
  // std::bad_alloc. An item's result must not depend on the other items. Allocates nothing that is
  // not counted.
  virtual void Step(std::span<const BatchItem> items, Workspace& workspace,
                    std::span<StepOutcome> outcomes) const = 0;
};

// The workspace of a queue whose steps let others go within them (ModelQueueOptions::yields).
class YieldingWorkspace : public Task::Workspace {
 public:
  // Null, or called by a step between its parts, on its own thread while no Run of the pool is
  // under way: steps of other queues may go there.
  std::function<void()> yield;
};

}  // namespace minnow
