// SPDX-License-Identifier: Apache-2.0
// How the threads of a pool share the work of an operation, and let others have them meanwhile.
//
// Where there is a `yield`, threads work in turns of some milliseconds and yield is called between
// them. A task that takes longer stops within, and goes on in the next turn on the same thread, in
// the memory that it had: no bit changes.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include "base/thread_pool.h"

namespace minnow {

inline bool IsSet(const std::atomic<bool>* stop) {
  return stop != nullptr && stop->load(std::memory_order_relaxed);
}

// A thread's task, which may take many turns.
class TaskTurn {
 public:
  // Where the task goes on, as its body counts; 0: it begins.
  size_t at = 0;
  // The body should leave at the next place from which it can go on.
  bool over() const { return yields_ && Clock::now() >= end_; }
  bool yields() const { return yields_; }

 private:
  friend class OpThreads;
  using Clock = std::chrono::steady_clock;

  size_t task_ = 0;
  bool begun_ = false;
  bool yields_ = false;
  Clock::time_point end_{};
};

// run(part) for the parts [0, count) of a task that are left, of which it has counted `begin`
// others before; until `stop`. False: the turn was over first.
template <class RunPart>
bool RunParts(TaskTurn& turn, size_t begin, size_t count, const std::atomic<bool>* stop,
              const RunPart& run) {
  for (turn.at = std::max(turn.at, begin); turn.at < begin + count && !IsSet(stop);) {
    run(turn.at - begin);
    ++turn.at;
    if (turn.over()) return turn.at == begin + count;
  }
  return true;
}

class OpThreads {
 public:
  // Each may be null: the caller's thread alone, never stopped, without turns.
  OpThreads(ThreadPool* pool, const std::atomic<bool>* stop, const std::function<void()>* yield)
      : pool_(pool),
        stop_(stop),
        yield_(yield != nullptr && *yield != nullptr ? yield : nullptr),
        turns_(MembersOf(pool)) {
    for (TaskTurn& turn : turns_) turn.yields_ = yield_ != nullptr;
  }

  // How long a turn is, by about.
  void SetTurn(std::chrono::nanoseconds turn) { turn_ = turn; }

  size_t members() const { return turns_.size(); }
  const std::atomic<bool>* stop() const { return stop_; }

  // body(member, task) for each task in [0, tasks), on any of the threads, until `stop`. It is
  // short.
  template <class Body>
  void Run(size_t tasks, const Body& body) {
    RunLong(tasks, [&](size_t member, size_t task, TaskTurn&) {
      body(member, task);
      return true;
    });
  }

  // The same, for tasks of any length: bool body(member, task, turn) returns false where it left
  // before its end, for the turn was over.
  template <class Body>
  void RunLong(size_t tasks, const Body& body) {
    for (TaskTurn& turn : turns_) turn.begun_ = false;
    std::atomic<size_t> next{0};
    do {
      const auto end = yields() ? TaskTurn::Clock::now() + turn_ : TaskTurn::Clock::time_point();
      const auto work = [&](int member) {
        TaskTurn& turn = turns_[static_cast<size_t>(member)];
        turn.end_ = end;
        WorkOneTurn(static_cast<size_t>(member), turn, tasks, next, body);
      };
      if (tasks == 1 || pool_ == nullptr) {
        work(0);
      } else if (next < tasks || turns_[0].begun_) {
        pool_->RunWithWhoComes(work);
      } else {
        pool_->Run(work);  // what is left is the others' alone
      }
      if (yields()) (*yield_)();
    } while ((next < tasks || SomebodyHasBegun()) && !IsSet(stop_));
  }

 private:
  bool yields() const { return yield_ != nullptr; }

  // Between turns: whether a task is left before its end.
  bool SomebodyHasBegun() const {
    return std::any_of(turns_.begin(), turns_.end(), [](const auto& turn) { return turn.begun_; });
  }

  template <class Body>
  void WorkOneTurn(size_t member, TaskTurn& turn, size_t tasks, std::atomic<size_t>& next,
                   const Body& body) const {
    while (!IsSet(stop_)) {
      if (!turn.begun_) {
        turn.task_ = next.fetch_add(1, std::memory_order_relaxed);
        if (turn.task_ >= tasks) return;
        turn.at = 0;
      }
      turn.begun_ = !body(member, turn.task_, turn);
      if (turn.begun_ || turn.over()) return;
    }
  }

  ThreadPool* const pool_;
  const std::atomic<bool>* const stop_;
  const std::function<void()>* const yield_;
  std::chrono::nanoseconds turn_ = std::chrono::milliseconds(3);
  std::vector<TaskTurn> turns_;  // of each member
};

}  // namespace minnow
