// SPDX-License-Identifier: Apache-2.0
// Engine: runs jobs. Admission, a pool of preparing threads, the batcher, and a worker that owns a
// workspace.
//
// Submit, load and stats may be called from any thread. Every job that Submit took gets exactly one
// Done, on an engine thread. Knows no model, no JSON and no socket.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/admission.h"
#include "engine/batcher.h"
#include "engine/task.h"

namespace minnow {

struct EngineOptions {
  size_t max_batch_tokens = 2048;  // raised to the task's longest item where that is longer
  size_t max_batch_items = 512;
  size_t max_bulk_batch_tokens = 0;  // of a batch with bulk items; 0: as any other
  AdmissionLimits admission = {};
  int prepare_threads = 2;
  int compute_threads = 1;  // that share one batch
};

// Totals since the start.
struct EngineStats {
  uint64_t jobs_taken = 0;
  uint64_t jobs_refused = 0;
  uint64_t batches = 0;
  uint64_t batch_items = 0;
  uint64_t batch_tokens = 0;
  double run_seconds = 0;
};

class Engine {
 public:
  // Sizes the workspace and starts the threads. `task` outlives the engine. Fails with kInternal
  // when there is no memory or no thread to be had.
  static Result<std::unique_ptr<Engine>> Start(const EngineOptions& options, const Task* task);
  // Stops.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes the job, or fails with kOverloaded at once, and then Done is not called.
  Status Submit(std::shared_ptr<Job> job);

  // Refuses new jobs from now on and waits until those taken are done; false if `limit` passes
  // first.
  bool Drain(std::chrono::nanoseconds limit);
  // Ends waiting jobs with kOverloaded, lets the running batch finish, joins the threads.
  // Idempotent; not from Done.
  void Stop();

  Load load() const;
  EngineStats stats() const;

 private:
  Engine(const EngineOptions& options, const Task* task);

  void PrepareLoop();
  void WorkLoop();
  void PrepareOne(std::shared_ptr<Ticket> ticket);
  Status RunBatch(const Batch& batch);
  void Finish(std::vector<std::shared_ptr<Ticket>>& ended);

  const EngineOptions options_;
  const Task* const task_;
  ThreadPool pool_;
  std::unique_ptr<Task::Workspace> workspace_;

  mutable std::mutex mutex_;
  std::condition_variable prepare_wanted_;
  std::condition_variable work_wanted_;
  std::condition_variable idle_;
  // Below: guarded by mutex_.
  Admission admission_;
  Batcher batcher_;
  std::deque<std::shared_ptr<Ticket>> unprepared_;
  EngineStats stats_;
  size_t unfinished_ = 0;  // jobs taken whose Done has not returned
  bool draining_ = false;
  bool stopping_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace minnow
