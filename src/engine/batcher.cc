// SPDX-License-Identifier: Apache-2.0
// Whose turn it is, and the ends of jobs.
#include "engine/batcher.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

// Batches that bulk items let pass before one of them goes first.
constexpr size_t kPatience = 16;

// The order of a heap with the first in front. Tickets of failed jobs are in no heap.
bool DueLater(const std::shared_ptr<Ticket>& a, const std::shared_ptr<Ticket>& b) {
  const auto due_a = a->next_due(), due_b = b->next_due();
  return due_a != due_b ? due_a > due_b : a->number > b->number;
}

}  // namespace

size_t Ticket::WorkBefore(Clock::time_point time) const {
  const size_t left = counted.work - std::min(counted.work, running_work);
  if (time <= submitted) return running_work;
  if (pace.count() == 0) return running_work + left;
  const auto until = static_cast<size_t>((time - submitted) / pace);
  return running_work + std::min(left, until - std::min(until, begun_work));
}

size_t Ticket::StepWork() const {
  size_t work = running_work;
  for (const uint32_t item : waiting) work += works[item];
  for (size_t item = begun; item < works.size(); ++item) work += works[item];
  return work;
}

void Batch::Clear() {
  items.clear();
  outcomes.clear();
  tickets.clear();
  work = 0;
}

std::optional<Error> GivenUp(const Job& job, Job::Clock::time_point now) {
  if (job.cancelled()) return Error{Code::kDeadline, "the request was cancelled"};
  if (job.deadline <= now) return Error{Code::kDeadline, "the request's time ran out"};
  return std::nullopt;
}

void Batcher::Add(std::shared_ptr<Ticket> ticket) {
  CHECK(ticket->wants_step());
  stalled_ = false;
  Turns& turns = TurnsOf(*ticket);
  turns.push_back(std::move(ticket));
  std::push_heap(turns.begin(), turns.end(), DueLater);
}

// A ticket that left its turns: ended, or waiting for the batch that holds its items.
void Batcher::End(std::shared_ptr<Ticket> ticket, std::vector<std::shared_ptr<Ticket>>& ended) {
  (ticket->finished() ? ended : running_).push_back(std::move(ticket));
}

void Batcher::EndFailed(Turns& turns, std::vector<std::shared_ptr<Ticket>>& ended) {
  const auto first_failed = std::stable_partition(
      turns.begin(), turns.end(), [](const auto& ticket) { return !ticket->error.has_value(); });
  if (first_failed == turns.end()) return;
  for (auto failed = first_failed; failed != turns.end(); ++failed) End(std::move(*failed), ended);
  turns.erase(first_failed, turns.end());
  std::make_heap(turns.begin(), turns.end(), DueLater);
}

void Batcher::Sweep(Turns& turns, Clock::time_point now,
                    std::vector<std::shared_ptr<Ticket>>& ended) {
  for (const std::shared_ptr<Ticket>& ticket : turns) ticket->error = GivenUp(*ticket->job, now);
  EndFailed(turns, ended);
}

bool Batcher::HasMemory(Ticket& ticket) {
  if (memory_ == nullptr || !ticket.begins_item()) return true;
  const size_t bytes = ticket.job->item_bytes(ticket.begun);
  if (bytes == 0) return true;
  // None overtakes the one that waits, or what needs much would wait for ever.
  if (!memory_->Take(bytes, memory_is_short_)) {
    memory_is_short_ = true;
    return false;
  }
  ticket.counted.bytes += bytes;
  if (memory_->IsSmall(bytes)) ticket.small_bytes += bytes;
  return true;
}

bool Batcher::MayGo(Ticket& ticket, const Batch& batch) {
  if (one_at_a_time_ && ticket.begins_item() && (!batch.items.empty() || anything_begun()))
    return false;
  return HasMemory(ticket);
}

bool Batcher::anything_begun() const {
  const auto begun = [](const Turns& turns) {
    return std::any_of(turns.begin(), turns.end(),
                       [](const auto& ticket) { return !ticket->waiting.empty(); });
  };
  return !running_.empty() || begun(interactive_) || begun(bulk_);
}

void Batcher::GiveUpOnMemory(Clock::time_point now, std::vector<std::shared_ptr<Ticket>>& ended) {
  if (!stalled_ || anything_begun()) {
    stalled_since_ = std::nullopt;
    return;
  }
  if (!stalled_since_) stalled_since_ = now;
  Ticket* newest = nullptr;
  for (const Turns* turns : {&interactive_, &bulk_}) {
    for (const std::shared_ptr<Ticket>& ticket : *turns) {
      if (newest == nullptr || ticket->number > newest->number) newest = ticket.get();
      if (!one_at_a_time_ && now - ticket->prepared > max_memory_wait_) GiveUp(*ticket);
    }
  }
  if (one_at_a_time_ && now - *stalled_since_ > max_memory_wait_) {
    GiveUp(*newest);
    stalled_since_ = now;
  }
  for (Turns* turns : {&interactive_, &bulk_}) EndFailed(*turns, ended);
  if (interactive_.empty() && bulk_.empty()) stalled_since_ = std::nullopt;
}

void Batcher::GiveUp(Ticket& ticket) {
  ticket.error = memory_->InVain(ticket.job->item_bytes(ticket.begun));
}

void Batcher::Fill(Turns& turns, Clock::time_point now, size_t max_items, size_t max_work,
                   Batch& batch) {
  while (!turns.empty() && batch.items.size() < max_items) {
    Ticket& ticket = *turns.front();
    const uint32_t work = ticket.next_work();
    // What does not fit is the first of the next batch, so nothing waits for ever.
    if (!batch.items.empty() && batch.work + work > max_work) break;
    std::pop_heap(turns.begin(), turns.end(), DueLater);
    if (!MayGo(ticket, batch)) {
      held_back_.push_back(std::move(turns.back()));
      turns.pop_back();
      continue;
    }
    if (ticket.begun == 0) ticket.timings.queue += now - ticket.prepared;
    uint32_t index = static_cast<uint32_t>(ticket.begun);
    if (ticket.waiting.empty()) {
      ++ticket.begun;
    } else {
      index = ticket.waiting.front();
      ticket.waiting.pop_front();
    }
    ++ticket.running;
    ticket.begun_work += work;
    ticket.running_work += work;
    batch.items.push_back({ticket.job.get(), index, work});
    batch.outcomes.emplace_back();
    batch.tickets.push_back(&ticket);
    batch.work += work;
    if (ticket.wants_step()) {
      std::push_heap(turns.begin(), turns.end(), DueLater);
    } else {
      running_.push_back(std::move(turns.back()));
      turns.pop_back();
    }
  }
  for (std::shared_ptr<Ticket>& ticket : held_back_) {
    turns.push_back(std::move(ticket));
    std::push_heap(turns.begin(), turns.end(), DueLater);
  }
  held_back_.clear();
}

void Batcher::DropGivenUp(Clock::time_point now, std::vector<std::shared_ptr<Ticket>>& ended) {
  Sweep(interactive_, now, ended);
  Sweep(bulk_, now, ended);
}

void Batcher::Take(Clock::time_point now, Batch& batch,
                   std::vector<std::shared_ptr<Ticket>>& ended) {
  batch.Clear();
  DropGivenUp(now, ended);
  memory_is_short_ = false;
  // Even where interactive items never end, bulk goes on, an item at a time.
  if (bulk_passed_over_ >= kPatience) Fill(bulk_, now, 1, max_work_, batch);
  Fill(interactive_, now, max_items_, max_work_, batch);
  const size_t first_bulk = batch.items.size();
  // Bulk would make an interactive item's batch longer.
  if (batch.items.empty()) Fill(bulk_, now, max_items_, max_bulk_work_, batch);
  const bool passed_over = !bulk_.empty() && bulk_passed_over_ < kPatience &&
                           batch.items.size() == first_bulk && !batch.items.empty();
  bulk_passed_over_ = passed_over ? bulk_passed_over_ + 1 : 0;
  stalled_ = memory_is_short_ && batch.items.empty();
  GiveUpOnMemory(now, ended);
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
  stalled_ = false;
  bool again = false;
  for (size_t i = 0; i < batch.items.size(); ++i) {
    Ticket& ticket = *batch.tickets[i];
    --ticket.running;
    ticket.running_work -= batch.items[i].work;
    if (ticket.last_batch != batches_completed_) {
      ticket.last_batch = batches_completed_;
      ticket.timings.run += run;
    }
    if (!status.ok()) {
      if (!ticket.error) ticket.error = status.error();
    } else if (batch.outcomes[i].next_work > 0 && !ticket.error) {
      ticket.works[batch.items[i].index] = batch.outcomes[i].next_work;
      ticket.waiting.push_back(batch.items[i].index);
      again = true;
    }
  }
  for (std::shared_ptr<Ticket>& ticket : std::exchange(running_, {})) {
    if (ticket->error || !ticket->wants_step()) {
      End(std::move(ticket), ended);
    } else {
      Turns& turns = TurnsOf(*ticket);
      turns.push_back(std::move(ticket));
    }
  }
  if (!status.ok()) {
    for (Turns* turns : {&interactive_, &bulk_}) EndFailed(*turns, ended);
  }
  if (again) {
    for (Turns* turns : {&interactive_, &bulk_}) {
      std::make_heap(turns->begin(), turns->end(), DueLater);
    }
  }
}

}  // namespace minnow
