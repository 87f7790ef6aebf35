// SPDX-License-Identifier: Apache-2.0
// ModelQueue: where jobs for one model wait: admission, turns, and a workspace for its batches. The
// scheduler's threads take from it (scheduler.h).
//
// Any thread. Every job that Submit took gets exactly one Done, on a thread of the scheduler or on
// the one that closes the queue. A queue lives on while jobs are in it, whoever lets go of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "engine/admission.h"
#include "engine/batcher.h"
#include "engine/task.h"

namespace minnow {

struct SchedulerState;
struct Lane;

struct ModelQueueOptions {
  size_t max_batch_work = 2048;  // raised to the task's longest step where that is longer
  size_t max_batch_items = 512;
  size_t max_bulk_batch_work = 0;  // of a batch with bulk items; 0: as any other
  AdmissionLimits admission = {};
  // Memory that is counted beside the workspace: weights that are used where a file is mapped.
  size_t mapped_bytes = 0;
  // No item begins before the one that has begun is done.
  bool one_at_a_time = false;
  // Steps take long: they run on threads of their own, which give way to all others.
  bool heavy = false;
  // Steps take longer than another queue's small request should wait: within them they call
  // YieldingWorkspace::yield: the workspace is one.
  bool yields = false;
};

// Totals since the start.
struct QueueStats {
  uint64_t jobs_taken = 0;
  uint64_t jobs_refused = 0;
  uint64_t jobs_prepared = 0;  // of those with anything to compute
  uint64_t steps = 0;
  uint64_t step_items = 0;
  uint64_t step_work = 0;
  double run_seconds = 0;
  Refusals refusals;
};

class ModelQueue : public std::enable_shared_from_this<ModelQueue> {
 public:
  // Closes.
  ~ModelQueue();
  ModelQueue(const ModelQueue&) = delete;
  ModelQueue& operator=(const ModelQueue&) = delete;

  // Takes the job, or fails with kOverloaded at once, and then Done is not called.
  Status Submit(std::shared_ptr<Job> job);

  // Jobs that were cancelled, but for those in the running step, leave their places now, not with
  // the next step. Their Done is called soon after.
  void DropCancelled();

  // Refuses new jobs from now on and waits until those taken are done; false if `limit` passes
  // first.
  bool Drain(std::chrono::nanoseconds limit);
  // Ends waiting jobs with kOverloaded and returns when nothing of it runs: the task may go then,
  // and other queues are not disturbed. Idempotent; not from Done.
  void Close();

  Load load() const;
  QueueStats stats() const;
  // How long a small interactive job would wait that came now.
  std::chrono::nanoseconds expected_wait() const;
  // When a client that was just refused should come again.
  std::chrono::seconds retry_after() const;

 private:
  friend class Scheduler;
  friend struct SchedulerState;

  ModelQueue(std::shared_ptr<SchedulerState> state, Lane* lane, const Task* task,
             const ModelQueueOptions& options);
  // The methods below REQUIRE the state's lock.
  Status Admit(Ticket& ticket);
  // Where one goes at a time, what all that wait hold at that, the ticket at `cost` among them, and
  // the most that one of them takes for its item.
  Cost Together(const Ticket& ticket, const Cost& cost) const;
  // Whether a batch has room for each of the steps; any thread, without the lock.
  bool StepsFit(const std::vector<uint32_t>& works) const;
  // Time until the ticket's last step would begin or, where there is room for it beside all others,
  // its first.
  std::chrono::nanoseconds WaitOf(const Ticket& ticket) const;
  // Whether each step of the ticket may go beside one of every other job: in its batch, and in
  // memory.
  bool GoesBeside(const Ticket& ticket) const;
  // `own`: the time of this queue's jobs that go before. With that of other queues.
  std::chrono::nanoseconds WithOthers(std::chrono::nanoseconds own, bool with_bulk) const;
  // The time that this queue's jobs take which go before `due`; bulk ones only where `with_bulk`.
  std::chrono::nanoseconds TimeBefore(Ticket::Clock::time_point due, bool with_bulk) const;
  template <class Body>
  void ForEachUnprepared(const Body& body) const;
  void Completed(const Batch& batch, const Status& status, std::chrono::nanoseconds run,
                 std::vector<std::shared_ptr<Ticket>>& ended);

  const std::shared_ptr<SchedulerState> state_;
  Lane* const lane_;
  const Task* const task_;
  const ModelQueueOptions options_;
  std::unique_ptr<Task::Workspace> workspace_;  // used by the lane's thread
  size_t workspace_bytes_ = 0;
  // Below: guarded by the state's lock.
  Admission admission_;
  ItemMemory item_memory_;
  Batcher batcher_;
  WorkRate rate_;
  QueueStats stats_;
  size_t unfinished_ = 0;                  // jobs taken whose Done has not returned
  bool running_ = false;                   // a step of it runs
  std::chrono::nanoseconds last_step_{0};  // how long it took
  bool draining_ = false;
  bool closed_ = false;
  double served_seconds_ = 0;  // what the lane gave it, for fairness between queues
};

}  // namespace minnow
