// SPDX-License-Identifier: Apache-2.0
// Taking jobs, and the end of a queue.
#include "engine/model_queue.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "engine/scheduler_state.h"

namespace minnow {
namespace {

using std::chrono::nanoseconds;
using Clock = Job::Clock;

// The rate is that of about so many full batches.
constexpr size_t kRateBatches = 8;
// An expected wait may turn out longer by one part in so many.
constexpr int kDoubt = 2;
// Preparing what holds more than this takes long enough to let small jobs go first.
constexpr size_t kSlowToPrepareBytes = size_t{1} << 20;

ModelQueueOptions WithRoom(ModelQueueOptions options, const Task& task) {
  options.max_batch_work = std::max(options.max_batch_work, task.max_item_work());
  options.max_batch_items = std::max<size_t>(options.max_batch_items, 1);
  return options;
}

}  // namespace

ModelQueue::ModelQueue(std::shared_ptr<SchedulerState> state, Lane* lane, const Task* task,
                       const ModelQueueOptions& options)
    : state_(std::move(state)),
      lane_(lane),
      task_(task),
      options_(WithRoom(options, *task)),
      admission_(options.admission, state_->memory),
      item_memory_(&admission_, state_->memory->limit()),
      batcher_(options_.max_batch_work, options_.max_batch_items, options_.max_bulk_batch_work,
               &item_memory_, options_.admission.memory_wait, options_.one_at_a_time),
      rate_(kRateBatches * options_.max_batch_work) {}

ModelQueue::~ModelQueue() { Close(); }

Status ModelQueue::Submit(std::shared_ptr<Job> job) {
  auto ticket = std::make_shared<Ticket>();
  ticket->queue = shared_from_this();
  ticket->counted_items = job->expected_items();
  ticket->counted = job->expected_cost();
  ticket->submitted = Clock::now();
  ticket->job = std::move(job);
  {
    const std::lock_guard lock(state_->mutex);
    const Status admitted = Admit(*ticket);
    if (!admitted.ok()) {
      ++stats_.jobs_refused;
      return admitted;
    }
    const bool slow =
        ticket->job->priority == Priority::kBulk || ticket->counted.bytes > kSlowToPrepareBytes;
    try {
      (slow ? state_->unprepared_slow : state_->unprepared).push_back(ticket);
    } catch (const std::bad_alloc&) {
      admission_.Release(ticket->counted_items, ticket->counted);
      return OutOfMemory();
    }
    ++stats_.jobs_taken;
    ++unfinished_;
  }
  state_->prepare_wanted.notify_one();
  return {};
}

Status ModelQueue::Admit(Ticket& ticket) {
  if (draining_ || closed_ || state_->stopping) return ShuttingDown();
  ticket.number = state_->next_number++;
  constexpr int kSample = 1024;  // a unit of work may take a fraction of a nanosecond
  ticket.pace = Batcher::kSlack * rate_.TimeOf(kSample) / kSample;
  if (options_.one_at_a_time)
    MINNOW_RETURN_IF_ERROR(admission_.CheckRoom(ticket.counted, Together(ticket, ticket.counted)));
  const Priority priority = ticket.job->priority;
  const size_t work = ticket.counted.work;
  nanoseconds wait{0};
  if (work > 0) wait = WaitOf(ticket);
  // What is accepted is to be in time, though the machine may become slower meanwhile.
  wait += wait / kDoubt;
  // Nobody is sent away for long by a guess.
  const nanoseconds alone = rate_.known() ? rate_.TimeOf(work) : nanoseconds(0);
  return admission_.Admit(ticket.counted_items, ticket.counted, priority, wait, alone,
                          ticket.submitted);
}

bool ModelQueue::StepsFit(const std::vector<uint32_t>& works) const {
  return std::all_of(works.begin(), works.end(),
                     [this](uint32_t work) { return work <= options_.max_batch_work; });
}

template <class Body>
void ModelQueue::ForEachUnprepared(const Body& body) const {
  for (const auto* unprepared : {&state_->unprepared, &state_->unprepared_slow}) {
    for (const std::shared_ptr<Ticket>& ticket : *unprepared) {
      if (ticket->queue.get() == this) body(*ticket);
    }
  }
  for (const Ticket* ticket : state_->preparing) {
    if (ticket->queue.get() == this) body(*ticket);
  }
}

Cost ModelQueue::Together(const Ticket& ticket, const Cost& cost) const {
  Cost all = {.bytes = cost.bytes, .item_bytes = cost.item_bytes};
  const auto add = [&](const Ticket& one) {
    if (&one == &ticket) return;
    const bool runs = one.running > 0 || !one.waiting.empty();  // its item's memory is counted
    const size_t item = runs ? std::min(one.counted.item_bytes, one.counted.bytes) : 0;
    all.bytes += one.counted.bytes - item;
    all.item_bytes = std::max(all.item_bytes, one.counted.item_bytes);
  };
  batcher_.ForEach(add);
  ForEachUnprepared(add);
  return all;
}

nanoseconds ModelQueue::WaitOf(const Ticket& ticket) const {
  const bool with_bulk = ticket.job->priority == Priority::kBulk;
  if (GoesBeside(ticket)) return WithOthers(running_ ? last_step_ : nanoseconds(0), with_bulk);
  return WithOthers(TimeBefore(ticket.due(ticket.counted.work), with_bulk), with_bulk);
}

bool ModelQueue::GoesBeside(const Ticket& ticket) const {
  if (ticket.counted.step_work == 0) return false;
  size_t items = 0, work = 0, bytes = 0;
  const auto add = [&](const Ticket& one, bool prepared) {
    items += one.counted_items;
    if (items > options_.max_batch_items) return;
    work += prepared ? one.StepWork() : one.counted.step_work;
    bytes += one.counted.item_bytes * (one.counted_items - std::min(one.counted_items, one.begun));
  };
  add(ticket, /*prepared=*/false);
  batcher_.ForEach([&](const Ticket& one) { add(one, /*prepared=*/true); });
  ForEachUnprepared([&](const Ticket& one) { add(one, /*prepared=*/false); });
  const MemoryBudget& memory = *state_->memory;
  return items <= options_.max_batch_items && work <= options_.max_batch_work &&
         bytes <= memory.limit() - std::min(memory.limit(), memory.used());
}

nanoseconds ModelQueue::WithOthers(nanoseconds own, bool with_bulk) const {
  nanoseconds wait = own;
  // Another queue gets as much time as this one in the meantime, if it needs it.
  for (const ModelQueue* other : lane_->queues) {
    if (other != this)
      wait += std::min(own, other->TimeBefore(Clock::time_point::max(), with_bulk));
  }
  return wait;
}

nanoseconds ModelQueue::TimeBefore(Clock::time_point due, bool with_bulk) const {
  size_t work = 0;
  const auto add = [&](const Ticket& ticket) {
    const bool counts = with_bulk || ticket.job->priority != Priority::kBulk;
    work += counts ? ticket.WorkBefore(due) : ticket.running_work;
  };
  batcher_.ForEach(add);
  ForEachUnprepared(add);
  return rate_.TimeOf(work);
}

void ModelQueue::Completed(const Batch& batch, const Status& status, nanoseconds run,
                           std::vector<std::shared_ptr<Ticket>>& ended) {
  running_ = false;
  last_step_ = run;
  ++stats_.steps;
  stats_.step_items += batch.items.size();
  stats_.step_work += batch.work;
  const double seconds = std::chrono::duration<double>(run).count();
  stats_.run_seconds += seconds;
  served_seconds_ = std::max(served_seconds_, lane_->served_floor) + seconds;
  if (status.ok()) rate_.Observe(batch.work, run);
  for (size_t i = 0; i < batch.items.size(); ++i) {
    Ticket& ticket = *batch.tickets[i];
    const Cost before = ticket.counted;
    ticket.counted.work -= std::min<size_t>(ticket.counted.work, batch.items[i].work);
    ticket.counted.bytes += batch.outcomes[i].more_bytes;
    if (status.ok() && batch.outcomes[i].next_work == 0) {
      const size_t bytes = batch.items[i].job->item_bytes(batch.items[i].index);
      ticket.counted.bytes -= bytes;
      if (item_memory_.IsSmall(bytes)) {
        ticket.small_bytes -= bytes;
        item_memory_.GiveSmall(bytes);
      }
    }
    admission_.Correct(before, ticket.counted);
  }
  batcher_.Complete(batch, status, run, ended);
  state_->RetryStalled();
  if (closed_) batcher_.FailAll(ShuttingDown(), ended);
}

void ModelQueue::DropCancelled() {
  {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::shared_ptr<Ticket>> ended;
    try {
      ended.reserve(unfinished_);
      state_->dropped.reserve(state_->dropped.size() + unfinished_);
    } catch (const std::bad_alloc&) {
      return;  // the next step drops them
    }
    batcher_.DropGivenUp(Clock::now(), ended);
    state_->Release(ended);
    std::move(ended.begin(), ended.end(), std::back_inserter(state_->dropped));
  }
  state_->prepare_wanted.notify_one();
}

bool ModelQueue::Drain(nanoseconds limit) {
  std::unique_lock lock(state_->mutex);
  draining_ = true;
  return state_->idle.wait_for(lock, limit, [this] { return unfinished_ == 0; });
}

void ModelQueue::Close() {
  std::vector<std::shared_ptr<Ticket>> ended;
  {
    const std::lock_guard lock(state_->mutex);
    closed_ = true;
    batcher_.FailAll(ShuttingDown(), ended);
    for (auto* unprepared : {&state_->unprepared, &state_->unprepared_slow}) {
      std::erase_if(*unprepared, [&](std::shared_ptr<Ticket>& ticket) {
        if (ticket->queue.get() != this) return false;
        ticket->error = ShuttingDown();
        ended.push_back(std::move(ticket));
        return true;
      });
    }
  }
  state_->Finish(ended);
  std::unique_ptr<Task::Workspace> workspace;
  size_t workspace_bytes = 0;
  {
    std::unique_lock lock(state_->mutex);
    state_->idle.wait(lock, [this] { return unfinished_ == 0 && !running_; });
    std::erase(lane_->queues, this);
    workspace = std::move(workspace_);
    workspace_bytes = std::exchange(workspace_bytes_, 0);
  }
  state_->idle.notify_all();  // Stop waits for the lane's last queue
  workspace = nullptr;
  state_->memory->GiveLasting(workspace_bytes);
}

Load ModelQueue::load() const {
  const std::lock_guard lock(state_->mutex);
  return admission_.load();
}

QueueStats ModelQueue::stats() const {
  const std::lock_guard lock(state_->mutex);
  QueueStats stats = stats_;
  stats.refusals = admission_.refusals();
  return stats;
}

nanoseconds ModelQueue::expected_wait() const {
  const std::lock_guard lock(state_->mutex);
  return WithOthers(TimeBefore(Clock::now(), /*with_bulk=*/false), /*with_bulk=*/false);
}

std::chrono::seconds ModelQueue::retry_after() const {
  const std::lock_guard lock(state_->mutex);
  return admission_.RetryAfter(Clock::now());
}

}  // namespace minnow
