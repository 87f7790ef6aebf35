// SPDX-License-Identifier: Apache-2.0
// Taking turns, and the ends of jobs.
#include "engine/batcher.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

// Batches that bulk items let pass before one of them goes first.
constexpr size_t kPatience = 16;

}  // namespace

void Batch::Clear() {
  items.clear();
  tickets.clear();
  tokens = 0;
}

std::optional<Error> GivenUp(const Job& job, Job::Clock::time_point now) {
  if (job.cancelled()) return Error{Code::kDeadline, "the request was cancelled"};
  if (job.deadline <= now) return Error{Code::kDeadline, "the request's time ran out"};
  return std::nullopt;
}

void Batcher::Add(std::shared_ptr<Ticket> ticket) {
  CHECK(!ticket->costs.empty());
  (ticket->job->priority == Priority::kBulk ? bulk_ : interactive_).push_back(std::move(ticket));
}

// A ticket that left its turns: ended, or waiting for the batches that hold its items.
void Batcher::End(std::shared_ptr<Ticket> ticket, std::vector<std::shared_ptr<Ticket>>& ended) {
  if (ticket->finished()) {
    ended.push_back(std::move(ticket));
  } else {
    waiting_for_batches_.push_back(std::move(ticket));
  }
}

void Batcher::EndFailed(Turns& turns, std::vector<std::shared_ptr<Ticket>>& ended) {
  const auto first_failed = std::stable_partition(
      turns.begin(), turns.end(), [](const auto& ticket) { return !ticket->error.has_value(); });
  for (auto failed = first_failed; failed != turns.end(); ++failed) End(std::move(*failed), ended);
  turns.erase(first_failed, turns.end());
}

void Batcher::Sweep(Turns& turns, Job::Clock::time_point now,
                    std::vector<std::shared_ptr<Ticket>>& ended) {
  bool failed = false;
  for (const std::shared_ptr<Ticket>& ticket : turns) {
    ticket->error = GivenUp(*ticket->job, now);
    failed |= ticket->error.has_value();
  }
  if (failed) EndFailed(turns, ended);
}

void Batcher::Fill(Turns& turns, Job::Clock::time_point now, size_t max_items, size_t max_tokens,
                   Batch& batch) {
  while (!turns.empty() && batch.items.size() < max_items) {
    Ticket& ticket = *turns.front();
    const uint32_t cost = ticket.costs[ticket.taken];
    // What does not fit is the first of the next batch, so nothing waits for ever.
    if (!batch.items.empty() && batch.tokens + cost > max_tokens) return;
    if (ticket.taken == 0) ticket.timings.queue += now - ticket.prepared;
    batch.items.push_back({ticket.job.get(), static_cast<uint32_t>(ticket.taken), cost});
    batch.tickets.push_back(&ticket);
    batch.tokens += cost;
    ++ticket.taken;
    ++ticket.running;
    std::shared_ptr<Ticket> turn = std::move(turns.front());
    turns.pop_front();
    const bool all_taken = ticket.taken == ticket.costs.size();
    (all_taken ? waiting_for_batches_ : turns).push_back(std::move(turn));
  }
}

void Batcher::Take(Job::Clock::time_point now, Batch& batch,
                   std::vector<std::shared_ptr<Ticket>>& ended) {
  batch.Clear();
  Sweep(interactive_, now, ended);
  Sweep(bulk_, now, ended);
  // Even where interactive items never end, bulk goes on, an item at a time.
  if (bulk_passed_over_ >= kPatience) Fill(bulk_, now, 1, max_tokens_, batch);
  Fill(interactive_, now, max_items_, max_tokens_, batch);
  const size_t first_bulk = batch.items.size();
  // Bulk would make an interactive item's batch longer.
  if (batch.items.empty()) Fill(bulk_, now, max_items_, max_bulk_tokens_, batch);
  const bool passed_over = !bulk_.empty() && bulk_passed_over_ < kPatience &&
                           batch.items.size() == first_bulk && !batch.items.empty();
  bulk_passed_over_ = passed_over ? bulk_passed_over_ + 1 : 0;
}

void Batcher::FailAll(const Error& error, std::vector<std::shared_ptr<Ticket>>& ended) {
  for (Turns* turns : {&interactive_, &bulk_}) {
    for (std::shared_ptr<Ticket>& ticket : *turns) {
      ticket->error = error;
      End(std::move(ticket), ended);
    }
    turns->clear();
  }
}

void Batcher::Complete(const Batch& batch, const Status& status, std::chrono::nanoseconds run,
                       std::vector<std::shared_ptr<Ticket>>& ended) {
  ++batches_completed_;
  for (Ticket* ticket : batch.tickets) {
    --ticket->running;
    if (ticket->last_batch != batches_completed_) {
      ticket->last_batch = batches_completed_;
      ticket->timings.run += run;
    }
    if (!status.ok() && !ticket->error) ticket->error = status.error();
  }
  if (!status.ok()) {
    for (Turns* turns : {&interactive_, &bulk_}) EndFailed(*turns, ended);
  }
  const auto first_finished =
      std::stable_partition(waiting_for_batches_.begin(), waiting_for_batches_.end(),
                            [](const auto& ticket) { return !ticket->finished(); });
  ended.insert(ended.end(), std::make_move_iterator(first_finished),
               std::make_move_iterator(waiting_for_batches_.end()));
  waiting_for_batches_.erase(first_finished, waiting_for_batches_.end());
}

}  // namespace minnow
