// SPDX-License-Identifier: Apache-2.0
// Batcher: the prepared jobs of one queue in, batches under a budget of work and items out.
//
// An item is due at submission + kSlack * (time for the job's work up to and with it), and items go
// in that order. So jobs of one size go first come, first served; a job of thousands of items holds
// up none of one item, and gets its share all the same: what is accepted is done within the wait
// that admission saw plus three times its time alone. Not thread-safe: the engine's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/item_memory.h"
#include "engine/task.h"

namespace minnow {

class ModelQueue;

// A job inside the engine.
struct Ticket {
  using Clock = Job::Clock;

  std::shared_ptr<Job> job;
  std::shared_ptr<ModelQueue> queue;
  size_t counted_items = 0;      // as admission counts them
  Cost counted;                  // the work that is left, and all bytes
  std::vector<uint32_t> works;   // of each item's next step, once prepared
  size_t begun = 0;              // items that have been in a batch
  std::deque<uint32_t> waiting;  // of those, the ones that want another step
  size_t running = 0;            // of those, the ones in a batch that is not computed yet
  size_t small_bytes = 0;        // of counted.bytes: what small items hold
  size_t begun_work = 0;         // of all steps so far
  size_t running_work = 0;       // of those that run
  std::optional<Error> error;    // why the job ends early
  bool prepares_slowly = false;  // on one of the threads that do so
  uint64_t number = 0;           // in the order of submission
  Clock::time_point submitted;
  Clock::time_point prepared;
  std::chrono::nanoseconds pace{0};  // an item's due time moves on by this for each unit of work
  uint64_t last_batch = 0;           // the latest one whose time is in `timings`
  JobTimings timings;

  bool wants_step() const { return !waiting.empty() || begun < works.size(); }
  // The step that goes next is an item's first one. REQUIRES: wants_step().
  bool begins_item() const { return waiting.empty(); }
  // Nothing of it is left to compute.
  bool finished() const { return running == 0 && (error.has_value() || !wants_step()); }
  // The work of the step that goes next. REQUIRES: wants_step().
  uint32_t next_work() const { return works[waiting.empty() ? begun : waiting.front()]; }
  // When what ends with the next `work` is due.
  Clock::time_point due(size_t work) const {
    return submitted + pace * static_cast<int64_t>(begun_work + work);
  }
  Clock::time_point next_due() const { return due(next_work()); }
  // How much of the work that is left goes before what is due at `time`.
  size_t WorkBefore(Clock::time_point time) const;
  // The work of the next step of each item, those that run among them. REQUIRES: it is prepared.
  size_t StepWork() const;
};

// Why nobody waits for the job any more, if so.
std::optional<Error> GivenUp(const Job& job, Job::Clock::time_point now);

// The entries of all vectors belong together.
struct Batch {
  std::vector<BatchItem> items;
  std::vector<StepOutcome> outcomes;
  std::vector<Ticket*> tickets;
  size_t work = 0;

  void Clear();
};

class Batcher {
 public:
  using Clock = Job::Clock;
  // Times the time that a job takes alone.
  static constexpr int kSlack = 2;

  // A batch of bulk items ends at `max_bulk_work`, so that an interactive item that comes while it
  // runs does not wait long; 0: at max_work. Interactive items share their batch with none of them,
  // but for one after many batches that bulk has let pass.
  //
  // Items that take memory as they begin take it of `memory`, null: without a limit. Where there
  // is none, no other one begins before, unless it is small; a job that has waited for it longer
  // than `max_memory_wait`, with nothing in the batcher that will give any back, ends with
  // kOverloaded.
  //
  // one_at_a_time: an item begins where no other has begun that is not done. Jobs wait long then,
  // and for each other: where nothing could begin for `max_memory_wait`, the newest ends, and the
  // next one as much later, since what it holds may be enough for the oldest.
  Batcher(size_t max_work, size_t max_items, size_t max_bulk_work = 0, ItemMemory* memory = nullptr,
          std::chrono::nanoseconds max_memory_wait = std::chrono::nanoseconds::max(),
          bool one_at_a_time = false)
      : max_work_(max_work),
        max_items_(max_items),
        max_bulk_work_(max_bulk_work == 0 ? max_work : max_bulk_work),
        memory_(memory),
        max_memory_wait_(max_memory_wait),
        one_at_a_time_(one_at_a_time) {}

  // REQUIRES: the ticket has items.
  void Add(std::shared_ptr<Ticket> ticket);
  bool empty() const { return interactive_.empty() && bulk_.empty(); }
  bool waits(Priority priority) const {
    return !(priority == Priority::kBulk ? bulk_ : interactive_).empty() && !stalled_;
  }
  // Everything that waits does so for memory, so that waits() tells of none until Retry, Add or
  // Complete.
  bool stalled() const { return stalled_; }
  void Retry() { stalled_ = false; }

  // Jobs that were cancelled, or whose deadline has passed, are marked with an error; those with
  // nothing in a running batch are moved to `ended`.
  void DropGivenUp(Clock::time_point now, std::vector<std::shared_ptr<Ticket>>& ended);
  // The same, and fills `batch` with the items that go next.
  void Take(Clock::time_point now, Batch& batch, std::vector<std::shared_ptr<Ticket>>& ended);
  // Marks every waiting job with `error`, as if it had been cancelled.
  void FailAll(const Error& error, std::vector<std::shared_ptr<Ticket>>& ended);
  // The step of `batch` was computed in `run`, or `status` says why not: items that want another
  // step wait again, jobs with nothing left are moved to `ended`.
  void Complete(const Batch& batch, const Status& status, std::chrono::nanoseconds run,
                std::vector<std::shared_ptr<Ticket>>& ended);

  // Calls body(ticket) for each job that waits or runs.
  template <class Body>
  void ForEach(const Body& body) const {
    for (const Turns* turns : {&interactive_, &bulk_, &running_}) {
      for (const auto& ticket : *turns) body(*ticket);
    }
  }

 private:
  // A heap: the ticket that is due first in front. Those in running_ are in no order.
  using Turns = std::vector<std::shared_ptr<Ticket>>;

  Turns& TurnsOf(const Ticket& ticket) {
    return ticket.job->priority == Priority::kBulk ? bulk_ : interactive_;
  }
  void Sweep(Turns& turns, Clock::time_point now, std::vector<std::shared_ptr<Ticket>>& ended);
  void EndFailed(Turns& turns, std::vector<std::shared_ptr<Ticket>>& ended);
  // Adds items while there are fewer than `max_items` and no more than `max_work`; the first item
  // of a batch always fits.
  void Fill(Turns& turns, Clock::time_point now, size_t max_items, size_t max_work, Batch& batch);
  void End(std::shared_ptr<Ticket> ticket, std::vector<std::shared_ptr<Ticket>>& ended);
  // False: there is no memory for the item that begins.
  bool HasMemory(Ticket& ticket);
  // Whether the ticket's next step may go into a batch.
  bool MayGo(Ticket& ticket, const Batch& batch);
  // Whether any item has begun and is not done.
  bool anything_begun() const;
  // Ends jobs that have waited for memory for too long.
  void GiveUpOnMemory(Clock::time_point now, std::vector<std::shared_ptr<Ticket>>& ended);

  void GiveUp(Ticket& ticket);

  uint64_t batches_completed_ = 0;
  const size_t max_work_;
  const size_t max_items_;
  const size_t max_bulk_work_;
  ItemMemory* const memory_;
  const std::chrono::nanoseconds max_memory_wait_;
  const bool one_at_a_time_;
  bool memory_is_short_ = false;  // for an item that was to go into this batch
  bool stalled_ = false;
  std::optional<Clock::time_point> stalled_since_;  // with nothing begun
  Turns held_back_;                                 // by Fill, for memory
  size_t bulk_passed_over_ = 0;  // batches in a row that bulk items waited for in vain
  Turns interactive_;
  Turns bulk_;
  // All their items are in a batch that runs, or they failed and some are.
  Turns running_;
};

}  // namespace minnow
