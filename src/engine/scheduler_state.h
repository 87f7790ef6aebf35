// SPDX-License-Identifier: Apache-2.0
// What the scheduler and its queues share. Internal to engine/.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/memory_budget.h"
#include "base/thread_pool.h"
#include "engine/model_queue.h"

namespace minnow {

const Error& OutOfMemory();
const Error& ShuttingDown();

// A step, and the jobs that end with it.
struct Turn {
  std::shared_ptr<ModelQueue> queue;
  Batch batch;
  std::vector<std::shared_ptr<Ticket>> ended;
};

// One thread with its team, and the queues that it serves in turns.
struct Lane {
  int threads = 1;
  bool gives_way = false;
  std::unique_ptr<ThreadPool> pool;  // made by the thread
  std::thread thread;
  std::condition_variable wanted;
  // Below: of the thread.
  Turn turn;
  Turn between;  // parts of the other one's step
  Ticket::Clock::time_point begun;
  std::chrono::nanoseconds given{0};  // of that step's time, to what went between
  // Below: guarded by the state's lock.
  std::vector<ModelQueue*> queues;
  double served_floor = 0;  // a queue that was idle does not catch up on time before this
  int bulk_passed_over = 0;
};

struct SchedulerState : std::enable_shared_from_this<SchedulerState> {
  explicit SchedulerState(std::shared_ptr<MemoryBudget> budget) : memory(std::move(budget)) {}

  void PrepareLoop();
  // What ends with it is added to `ended`, which has room for it.
  void PrepareOne(std::shared_ptr<Ticket> ticket, std::vector<std::shared_ptr<Ticket>>& ended);
  // The ticket that is prepared next; null: none. REQUIRES the lock.
  std::shared_ptr<Ticket> NextUnprepared();
  // Starts the lane's thread and makes its team. Throws std::system_error or std::bad_alloc.
  void StartLane(Lane& lane);
  void RunLane(Lane& lane);
  // Computes a batch that was taken.
  void RunTurn(Lane& lane, Turn& turn);
  // Within a step of the lane's turn: a step of another queue that would be due before.
  void Yield(Lane& lane);
  // The queue whose turn it is; null: nothing waits. REQUIRES the lock.
  std::shared_ptr<ModelQueue> Pick(Lane& lane);
  // The queue that goes between; null: none. REQUIRES the lock.
  std::shared_ptr<ModelQueue> PickBetween(const Lane& lane) const;
  // Memory may have become free: queues that wait for it have their turns again. REQUIRES the lock.
  void RetryStalled();
  // Ends the jobs, and empties `ended`: Release, then Tell. Without the lock.
  void Finish(std::vector<std::shared_ptr<Ticket>>& ended);
  // Their places and their memory are free. REQUIRES the lock.
  void Release(const std::vector<std::shared_ptr<Ticket>>& ended);
  void Tell(std::vector<std::shared_ptr<Ticket>>& ended);

  const std::shared_ptr<MemoryBudget> memory;
  std::mutex lane_start;  // one at a time; taken before no other
  std::mutex mutex;
  std::condition_variable prepare_wanted;
  std::condition_variable idle;
  // Below: guarded by mutex.
  std::deque<std::shared_ptr<Ticket>> unprepared;       // small interactive jobs
  std::deque<std::shared_ptr<Ticket>> unprepared_slow;  // bulk, and what is large
  std::vector<const Ticket*> preparing;                 // has room for one a thread
  std::vector<std::shared_ptr<Ticket>> dropped;         // released, to be told by a preparer
  int prepare_threads = 0;
  int slow_preparing = 0;
  int slow_passed_over = 0;
  Lane compute;
  Lane heavy;  // without a thread until a queue needs it
  std::vector<std::thread> preparers;
  uint64_t next_number = 0;
  bool stopping = false;
};

}  // namespace minnow
