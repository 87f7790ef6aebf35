// SPDX-License-Identifier: Apache-2.0
// Job and Task: the interface between the engine, which schedules, and the tasks, which know
// models.
//
// A job is one request: Prepare turns its input into items, each with a cost in tokens; the engine
// packs items of many jobs into batches; Task::Run computes a batch and leaves each result in its
// job; Done ends the job.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"

namespace minnow {

// Interactive items go into a batch before bulk items.
enum class Priority { kInteractive, kBulk };

// Where a job's time went.
struct JobTimings {
  std::chrono::nanoseconds prepare{0};
  std::chrono::nanoseconds queue{0};  // waiting: to be prepared, and for the first batch
  std::chrono::nanoseconds run{0};    // the batches that held items of this job
};

class Job {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Job() = default;

  // What the job will cost, for admission, before anything is computed; Prepare corrects the
  // tokens.
  virtual size_t expected_items() const = 0;
  virtual size_t expected_tokens() const = 0;

  // Called once, on a preparing thread: checks the input and gives each item's cost in tokens (at
  // least 1, at most Task::max_item_tokens). No items: the job is done. An error ends the job. May
  // throw std::bad_alloc.
  virtual Result<std::vector<uint32_t>> Prepare() = 0;

  // Called once, last, on an engine thread and without its locks; must be quick and must not throw.
  // After an error some items may have been computed all the same.
  virtual void Done(Status status, const JobTimings& timings) = 0;

  // Any thread: nobody wants the result any more. Items that are not yet in a batch are dropped and
  // the job ends with kDeadline.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // Set before Submit. Past the deadline the job is treated as cancelled.
  Clock::time_point deadline = Clock::time_point::max();
  Priority priority = Priority::kInteractive;

 private:
  std::atomic<bool> cancelled_{false};
};

// One item of a batch.
struct BatchItem {
  Job* job;
  uint32_t index;   // which of the job's items
  uint32_t tokens;  // its cost
};

class Task {
 public:
  // Buffers for the largest batch; one for each worker.
  class Workspace {
   public:
    virtual ~Workspace() = default;
  };

  virtual ~Task() = default;

  // The largest cost that Prepare gives an item.
  virtual size_t max_item_tokens() const = 0;
  // `pool` runs the arithmetic and outlives the workspace. May throw std::bad_alloc.
  virtual std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_items,
                                                  ThreadPool* pool) const = 0;
  // Called on a worker: computes every item and stores the result in its job. Total, but for
  // std::bad_alloc. An item's result must not depend on the other items.
  virtual void Run(std::span<const BatchItem> batch, Workspace& workspace) const = 0;
};

}  // namespace minnow
