// SPDX-License-Identifier: Apache-2.0
// Batcher: prepared jobs in, batches under a budget of tokens and items out.
//
// Jobs of one priority take turns, an item each, so that a job of thousands of items does not hold
// up a job of one. Not thread-safe: the engine's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/task.h"

namespace minnow {

// A job inside the engine.
struct Ticket {
  std::shared_ptr<Job> job;
  size_t counted_items = 0;  // as admission counts them
  size_t counted_tokens = 0;
  std::vector<uint32_t> costs;  // of each item, once prepared
  size_t taken = 0;             // items that went into batches
  size_t running = 0;           // of those, not yet computed
  std::optional<Error> error;   // why the job ends early
  Job::Clock::time_point submitted;
  Job::Clock::time_point prepared;
  uint64_t last_batch = 0;  // the latest one whose time is in `timings`
  JobTimings timings;

  // Nothing of it is left to compute.
  bool finished() const { return running == 0 && (error.has_value() || taken == costs.size()); }
};

// Why nobody waits for the job any more, if so.
std::optional<Error> GivenUp(const Job& job, Job::Clock::time_point now);

// The entries of `items` and `tickets` belong together.
struct Batch {
  std::vector<BatchItem> items;
  std::vector<Ticket*> tickets;
  size_t tokens = 0;

  void Clear();
};

class Batcher {
 public:
  // A batch of bulk items ends at `max_bulk_tokens`, so that an interactive item that comes while
  // it runs does not wait long; 0: at max_tokens. Interactive items share their batch with none of
  // them, but for one after many batches that bulk has let pass.
  Batcher(size_t max_tokens, size_t max_items, size_t max_bulk_tokens = 0)
      : max_tokens_(max_tokens),
        max_items_(max_items),
        max_bulk_tokens_(max_bulk_tokens == 0 ? max_tokens : max_bulk_tokens) {}

  // REQUIRES: the ticket has items.
  void Add(std::shared_ptr<Ticket> ticket);
  bool empty() const { return interactive_.empty() && bulk_.empty(); }

  // Fills `batch` with the items that go next. Jobs that were cancelled, or whose deadline has
  // passed, are marked with an error instead; those with nothing in a running batch are moved to
  // `ended`.
  void Take(Job::Clock::time_point now, Batch& batch, std::vector<std::shared_ptr<Ticket>>& ended);
  // Marks every waiting job with `error`, as if it had been cancelled.
  void FailAll(const Error& error, std::vector<std::shared_ptr<Ticket>>& ended);
  // The items of `batch` were computed in `run`, or `status` says why not; jobs with nothing left
  // are moved to `ended`.
  void Complete(const Batch& batch, const Status& status, std::chrono::nanoseconds run,
                std::vector<std::shared_ptr<Ticket>>& ended);

 private:
  using Turns = std::deque<std::shared_ptr<Ticket>>;

  void Sweep(Turns& turns, Job::Clock::time_point now, std::vector<std::shared_ptr<Ticket>>& ended);
  void EndFailed(Turns& turns, std::vector<std::shared_ptr<Ticket>>& ended);
  // Adds items while there are fewer than `max_items` and no more than `max_tokens`; the first item
  // of a batch always fits.
  void Fill(Turns& turns, Job::Clock::time_point now, size_t max_items, size_t max_tokens,
            Batch& batch);
  void End(std::shared_ptr<Ticket> ticket, std::vector<std::shared_ptr<Ticket>>& ended);

  uint64_t batches_completed_ = 0;
  const size_t max_tokens_;
  const size_t max_items_;
  const size_t max_bulk_tokens_;
  size_t bulk_passed_over_ = 0;  // batches in a row that bulk items waited for in vain
  Turns interactive_;
  Turns bulk_;
  // All their items are taken, or they failed; some are in a batch that runs.
  Turns waiting_for_batches_;
};

}  // namespace minnow
