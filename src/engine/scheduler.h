// SPDX-License-Identifier: Apache-2.0
// Scheduler: the threads that run the jobs of all models: some that prepare, one team that computes
// a step at a time, and one more team, which gives way, for steps that take long.
//
// Interactive jobs go before bulk ones, across all queues; queues of one class get equal shares of
// time. Any thread. Knows no model, no JSON and no socket.
#pragma once

#include <memory>

#include "base/memory_budget.h"
#include "base/result.h"
#include "engine/model_queue.h"
#include "engine/task.h"

namespace minnow {

struct SchedulerOptions {
  int compute_threads = 1;  // that share one step
  int prepare_threads = 2;
  std::shared_ptr<MemoryBudget> memory = nullptr;  // null: without a limit
};

class Scheduler {
 public:
  // kInternal when there is no thread to be had.
  static Result<std::unique_ptr<Scheduler>> Start(const SchedulerOptions& options);
  // Stops.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Allocates the workspace; nothing else is allocated while steps run. `task` outlives the queue's
  // Close. kInternal where there is no memory for it, by the budget or by the system.
  Result<std::shared_ptr<ModelQueue>> AddQueue(const Task* task, const ModelQueueOptions& options);

  // Closes all queues and joins the threads. Idempotent; not from Done.
  void Stop();

  const std::shared_ptr<MemoryBudget>& memory() const;

 private:
  explicit Scheduler(std::shared_ptr<SchedulerState> state) : state_(std::move(state)) {}

  const std::shared_ptr<SchedulerState> state_;
};

}  // namespace minnow
