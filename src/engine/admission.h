// SPDX-License-Identifier: Apache-2.0
// Admission: how much may wait in one queue, by the time that it takes, by memory, and by counts as
// a backstop; what is above is refused at once, and told when to come again.
//
// Not thread-safe: the engine's lock guards it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>

#include "base/memory_budget.h"
#include "base/result.h"
#include "engine/task.h"

namespace minnow {

struct AdmissionLimits {
  size_t jobs = 512;
  size_t items = size_t{1} << 17;
  // How long an interactive job may expect to wait; bulk waits as long as it takes.
  std::chrono::milliseconds wait{2000};
  // How long a queue may wait for memory with nothing begun before the newest job is given up.
  std::chrono::milliseconds memory_wait{2000};
};

struct Load {
  size_t jobs = 0;
  size_t items = 0;
  size_t work = 0;  // that is left
  size_t bytes = 0;
};

// Why jobs were refused, in counts since the start.
struct Refusals {
  uint64_t count = 0;
  uint64_t wait = 0;
  uint64_t memory = 0;

  Refusals& operator+=(const Refusals& other) {
    count += other.count;
    wait += other.wait;
    memory += other.memory;
    return *this;
  }
};

// How long a unit of work takes, from the latest steps; those with much work count most, as it is
// them that a full queue consists of.
class WorkRate {
 public:
  explicit WorkRate(size_t window_work) : window_(static_cast<double>(window_work)) {}

  void Observe(size_t work, std::chrono::nanoseconds took);
  bool known() const { return work_ > 0; }
  // A guess while it is not known.
  std::chrono::nanoseconds TimeOf(size_t work) const;

 private:
  const double window_;
  double work_ = 0;
  double ns_ = 0;
};

class Admission {
 public:
  using Clock = Job::Clock;

  // `memory` is shared with whoever else takes of it.
  Admission(const AdmissionLimits& limits, std::shared_ptr<MemoryBudget> memory)
      : limits_(limits), memory_(std::move(memory)) {}

  // Takes a job, or fails with kOverloaded. A job that would not wait is refused only where there
  // is no memory for it, however large it is.
  Status Admit(size_t items, const Cost& cost, Priority priority, std::chrono::nanoseconds wait,
               std::chrono::nanoseconds time_alone, Clock::time_point now);
  // The job's cost is known better now.
  void Correct(const Cost& before, const Cost& after);
  void Release(size_t items, const Cost& cost);
  // Memory for an item of a job that was taken; false: there is none now.
  bool TakeMore(size_t bytes);
  // Whether a job of this cost can ever run; if not, kOverloaded.
  Status CheckMemory(const Cost& cost) const;
  // The same for one more, where each waits for the one before it to end: `together`, what all of
  // them hold meanwhile and the most that one takes besides, must have room; if not, kOverloaded.
  Status CheckRoom(const Cost& cost, const Cost& together);
  // Why a job ends whose item found no memory.
  Error InVain(size_t item_bytes) const;

  const Load& load() const { return load_; }
  const Refusals& refusals() const { return refusals_; }
  // When a client that is refused now should come again: once all that waits, and all who were
  // refused before it, had their turn.
  std::chrono::seconds RetryAfter(Clock::time_point now) const;

 private:
  // Whether there may ever be so much.
  bool Fits(const Cost& cost) const;

  const AdmissionLimits limits_;
  const std::shared_ptr<MemoryBudget> memory_;
  Load load_;
  Refusals refusals_;
  Clock::time_point retry_at_{};
};

}  // namespace minnow
