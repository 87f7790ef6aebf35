// SPDX-License-Identifier: Apache-2.0
// The threads and what they do.
#include "engine/scheduler.h"

#include <algorithm>
#include <future>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "engine/scheduler_state.h"
#include "engine/work_lane.h"

namespace minnow {
namespace {

using std::chrono::nanoseconds;
using Clock = Job::Clock;

// What may overtake before a bulk or large job goes first.
constexpr int kSlowPatience = 16;
// Who waits for memory looks again so often: it may be freed by others than the scheduler, and
// whoever waits may have left.
constexpr std::chrono::milliseconds kMemoryRetry{50};

}  // namespace

const Error& OutOfMemory() {
  // Made beforehand: there may be no memory for it when it is needed.
  static const Error error{Code::kOverloaded, "out of memory"};
  return error;
}

const Error& ShuttingDown() {
  static const Error error{Code::kOverloaded, "shutting down"};
  return error;
}

Result<std::unique_ptr<Scheduler>> Scheduler::Start(const SchedulerOptions& options) {
  OutOfMemory();
  ShuttingDown();
  try {
    auto state = std::make_shared<SchedulerState>(
        options.memory != nullptr ? options.memory : std::make_shared<MemoryBudget>());
    std::unique_ptr<Scheduler> scheduler(new Scheduler(state));
    state->prepare_threads = std::max(options.prepare_threads, 1);
    state->preparing.reserve(static_cast<size_t>(state->prepare_threads));
    state->compute.threads = state->heavy.threads = std::max(options.compute_threads, 1);
    state->heavy.gives_way = true;
    for (int i = 0; i < state->prepare_threads; ++i) {
      state->preparers.emplace_back([s = state.get()] { s->PrepareLoop(); });
    }
    state->StartLane(state->compute);
    return scheduler;
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for the scheduler"};
  } catch (const std::system_error& error) {
    return Error{Code::kInternal, std::string("cannot start a thread: ") + error.what()};
  }
}

Scheduler::~Scheduler() { Stop(); }

Result<std::shared_ptr<ModelQueue>> Scheduler::AddQueue(const Task* task,
                                                        const ModelQueueOptions& options) {
  Lane& lane = options.heavy ? state_->heavy : state_->compute;
  const auto no_memory = [](size_t bytes, const std::string& why) {
    return Error{Code::kInternal,
                 "no memory for a workspace of " + std::to_string(bytes) + " bytes" + why};
  };
  size_t bytes = 0;
  try {
    if (options.heavy) state_->StartLane(lane);
    std::shared_ptr<ModelQueue> queue(new ModelQueue(state_, &lane, task, options));
    const ModelQueueOptions& completed = queue->options_;
    bytes = task->WorkspaceBytes(completed.max_batch_work, completed.max_batch_items,
                                 lane.pool->size()) +
            completed.mapped_bytes;
    if (!state_->memory->TakeLasting(bytes)) {
      return no_memory(bytes, ": " + std::to_string(state_->memory->used()) +
                                  " bytes in use, limit " +
                                  std::to_string(state_->memory->limit()));
    }
    queue->workspace_bytes_ = bytes;  // given back by Close
    queue->workspace_ =
        task->NewWorkspace(completed.max_batch_work, completed.max_batch_items, lane.pool.get());
    if (options.yields) {
      static_cast<YieldingWorkspace&>(*queue->workspace_).yield = [state = state_.get(), &lane] {
        state->Yield(lane);
      };
    }
    const std::lock_guard lock(state_->mutex);
    queue->closed_ = state_->stopping;
    lane.queues.push_back(queue.get());
    return queue;
  } catch (const std::bad_alloc&) {
    return no_memory(bytes, "");
  } catch (const std::system_error& error) {
    return Error{Code::kInternal, std::string("cannot start a thread: ") + error.what()};
  }
}

void Scheduler::Stop() {
  std::vector<std::shared_ptr<ModelQueue>> queues;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    for (const Lane* lane : {&state_->compute, &state_->heavy}) {
      for (ModelQueue* queue : lane->queues) {
        queue->closed_ = true;  // the running step is the last one, whichever queue is closed first
        // Null: its destructor runs, and closes it.
        if (auto held = queue->weak_from_this().lock()) queues.push_back(std::move(held));
      }
    }
  }
  for (const auto& queue : queues) queue->Close();
  queues.clear();
  {
    std::unique_lock lock(state_->mutex);
    state_->idle.wait(
        lock, [this] { return state_->compute.queues.empty() && state_->heavy.queues.empty(); });
  }
  state_->prepare_wanted.notify_all();
  for (std::thread& thread : state_->preparers) thread.join();
  state_->preparers.clear();
  for (Lane* lane : {&state_->compute, &state_->heavy}) {
    lane->wanted.notify_all();
    if (lane->thread.joinable()) lane->thread.join();
  }
}

const std::shared_ptr<MemoryBudget>& Scheduler::memory() const { return state_->memory; }

std::shared_ptr<Ticket> SchedulerState::NextUnprepared() {
  // One thread is kept for small jobs, where there are two.
  const bool slow_may =
      !unprepared_slow.empty() && slow_preparing < std::max(prepare_threads - 1, 1);
  const bool slow_next = slow_may && (unprepared.empty() || slow_passed_over >= kSlowPatience);
  auto& from = slow_next ? unprepared_slow : unprepared;
  if (from.empty()) return nullptr;
  slow_passed_over = slow_may && !slow_next ? slow_passed_over + 1 : 0;
  slow_preparing += slow_next ? 1 : 0;
  std::shared_ptr<Ticket> ticket = std::move(from.front());
  from.pop_front();
  ticket->prepares_slowly = slow_next;
  return ticket;
}

void SchedulerState::PrepareLoop() {
  std::vector<std::shared_ptr<Ticket>> ended;
  ended.reserve(1);
  while (true) {
    std::shared_ptr<Ticket> ticket;
    {
      std::unique_lock lock(mutex);
      prepare_wanted.wait(lock, [&] {
        return (ticket = NextUnprepared()) != nullptr || !dropped.empty() ||
               (stopping && unprepared.empty() && unprepared_slow.empty());
      });
      if (ticket == nullptr && dropped.empty()) return;
      if (ticket != nullptr) preparing.push_back(ticket.get());
      if (!dropped.empty()) ended.swap(dropped);
    }
    if (!ended.empty()) Tell(ended);
    if (ticket == nullptr) continue;
    PrepareOne(std::move(ticket), ended);
    Finish(ended);
  }
}

void SchedulerState::PrepareOne(std::shared_ptr<Ticket> ticket,
                                std::vector<std::shared_ptr<Ticket>>& ended) {
  const Clock::time_point begin = Clock::now();
  ModelQueue& queue = *ticket->queue;
  ticket->timings.queue = begin - ticket->submitted;
  try {
    ticket->error = GivenUp(*ticket->job, begin);
    if (!ticket->error) {
      Result<std::vector<uint32_t>> works = ticket->job->Prepare();
      if (works.ok()) {
        ticket->works = std::move(works).value();
      } else {
        ticket->error = std::move(works).error();
      }
    }
    if (!ticket->error) {
      const Status fits = queue.admission_.CheckMemory(ticket->job->expected_cost());
      if (!fits.ok()) ticket->error = fits.error();
    }
    if (!ticket->error && !queue.StepsFit(ticket->works)) {
      ticket->error = Error{Code::kInternal, "an input is larger than the batches of its model"};
    }
  } catch (const std::bad_alloc&) {
    ticket->error = OutOfMemory();
  }
  Cost cost = ticket->job->expected_cost();
  size_t work = 0;
  for (const uint32_t each : ticket->works) work += each;
  cost.work = std::max(cost.work, work);
  ticket->prepared = Clock::now();
  ticket->timings.prepare = ticket->prepared - begin;
  std::unique_lock lock(mutex);
  std::erase(preparing, ticket.get());
  if (std::exchange(ticket->prepares_slowly, false)) {
    --slow_preparing;
    if (!unprepared_slow.empty()) prepare_wanted.notify_one();
  }
  if (queue.options_.one_at_a_time && !ticket->error) {
    const Status room = queue.admission_.CheckRoom(cost, queue.Together(*ticket, cost));
    if (!room.ok()) ticket->error = room.error();
  }
  queue.admission_.Correct(ticket->counted, cost);
  ticket->counted = cost;
  if (queue.closed_ && !ticket->error) ticket->error = ShuttingDown();
  if (!ticket->finished()) {
    try {
      queue.batcher_.Add(ticket);
      ++queue.stats_.jobs_prepared;
      lock.unlock();  // the lane's thread would wait for it as soon as it wakes
      queue.lane_->wanted.notify_one();
      return;
    } catch (const std::bad_alloc&) {
      ticket->error = OutOfMemory();
    }
  }
  ended.push_back(std::move(ticket));
}

void SchedulerState::StartLane(Lane& lane) {
  const std::lock_guard lock(lane_start);
  if (lane.thread.joinable()) return;
  std::promise<void> made;
  std::future<void> ready = made.get_future();
  lane.thread = std::thread([this, &lane, &made] {
    try {
      // Threads are as nice as the one that starts them.
      if (lane.gives_way) GiveWay();
      lane.pool = std::make_unique<ThreadPool>(lane.threads);
    } catch (...) {
      made.set_exception(std::current_exception());
      return;
    }
    made.set_value();
    RunLane(lane);
  });
  try {
    ready.get();
  } catch (...) {
    lane.thread.join();
    throw;
  }
}

std::shared_ptr<ModelQueue> SchedulerState::Pick(Lane& lane) {
  std::shared_ptr<ModelQueue> first[2];  // by priority
  for (ModelQueue* queue : lane.queues) {
    for (const Priority priority : {Priority::kInteractive, Priority::kBulk}) {
      std::shared_ptr<ModelQueue>& best = first[static_cast<size_t>(priority)];
      if (!queue->batcher_.waits(priority)) continue;
      if (best == nullptr || queue->served_seconds_ < best->served_seconds_) {
        best = queue->weak_from_this().lock();
      }
    }
  }
  auto& [interactive, bulk] = first;
  const bool bulk_goes = bulk != nullptr && (interactive == nullptr || interactive == bulk ||
                                             lane.bulk_passed_over >= kSlowPatience);
  lane.bulk_passed_over = bulk_goes || bulk == nullptr ? 0 : lane.bulk_passed_over + 1;
  std::shared_ptr<ModelQueue> picked = std::move(bulk_goes ? bulk : interactive);
  if (picked != nullptr) lane.served_floor = std::max(lane.served_floor, picked->served_seconds_);
  return picked;
}

std::shared_ptr<ModelQueue> SchedulerState::PickBetween(const Lane& lane) const {
  const ModelQueue& running = *lane.turn.queue;
  // What is short goes first as long as it gets no more than its share.
  const nanoseconds elapsed = Clock::now() - lane.begun - lane.given;
  double least = std::max(running.served_seconds_, lane.served_floor) +
                 std::chrono::duration<double>(elapsed).count();
  ModelQueue* best = nullptr;
  for (ModelQueue* queue : lane.queues) {
    if (queue->options_.yields || !queue->batcher_.waits(Priority::kInteractive)) continue;
    if (queue->served_seconds_ >= least) continue;
    least = queue->served_seconds_;
    best = queue;
  }
  return best == nullptr ? nullptr : best->weak_from_this().lock();
}

void SchedulerState::Yield(Lane& lane) {
  const Clock::time_point now = Clock::now();
  Turn& turn = lane.between;
  {
    const std::lock_guard lock(mutex);
    turn.queue = PickBetween(lane);
    if (turn.queue == nullptr) return;
    turn.queue->batcher_.Take(now, turn.batch, turn.ended);
    turn.queue->running_ = !turn.batch.items.empty();
  }
  RunTurn(lane, turn);
  turn.queue = nullptr;
  lane.given += Clock::now() - now;
}

void SchedulerState::RunTurn(Lane& lane, Turn& turn) {
  const std::shared_ptr<ModelQueue> queue = turn.queue;
  Finish(turn.ended);
  if (turn.batch.items.empty()) return;
  const Clock::time_point begin = Clock::now();
  Status status;
  try {
    queue->task_->Step(turn.batch.items, *queue->workspace_, turn.batch.outcomes);
  } catch (const std::bad_alloc&) {
    status = OutOfMemory();
  }
  nanoseconds run = Clock::now() - begin;
  if (&turn == &lane.turn) run -= lane.given;
  {
    const std::lock_guard lock(mutex);
    queue->Completed(turn.batch, status, run, turn.ended);
  }
  turn.batch.Clear();
  idle.notify_all();
  Finish(turn.ended);
}

void SchedulerState::RunLane(Lane& lane) {
  Turn& turn = lane.turn;
  while (true) {
    {
      std::unique_lock lock(mutex);
      while ((turn.queue = Pick(lane)) == nullptr && !stopping) {
        const bool stalled = std::any_of(lane.queues.begin(), lane.queues.end(),
                                         [](const ModelQueue* q) { return q->batcher_.stalled(); });
        if (!stalled) {
          lane.wanted.wait(lock);
        } else if (lane.wanted.wait_for(lock, kMemoryRetry) == std::cv_status::timeout) {
          RetryStalled();
        }
      }
      if (turn.queue == nullptr) return;
      lane.begun = Clock::now();
      lane.given = nanoseconds(0);
      turn.queue->batcher_.Take(lane.begun, turn.batch, turn.ended);
      turn.queue->running_ = !turn.batch.items.empty();
    }
    RunTurn(lane, turn);
    turn.queue = nullptr;
  }
}

void SchedulerState::RetryStalled() {
  for (Lane* lane : {&compute, &heavy}) {
    for (ModelQueue* queue : lane->queues) {
      if (!queue->batcher_.stalled()) continue;
      queue->batcher_.Retry();
      lane->wanted.notify_one();
    }
  }
}

void SchedulerState::Finish(std::vector<std::shared_ptr<Ticket>>& ended) {
  if (ended.empty()) return;
  {
    // Before Done: a client that sends its next request at once finds the place free.
    const std::lock_guard lock(mutex);
    Release(ended);
  }
  Tell(ended);
}

void SchedulerState::Release(const std::vector<std::shared_ptr<Ticket>>& ended) {
  for (const std::shared_ptr<Ticket>& ticket : ended) {
    ModelQueue& queue = *ticket->queue;
    queue.item_memory_.GiveSmall(std::exchange(ticket->small_bytes, 0));
    queue.admission_.Release(ticket->counted_items, ticket->counted);
  }
  RetryStalled();
}

void SchedulerState::Tell(std::vector<std::shared_ptr<Ticket>>& ended) {
  for (const std::shared_ptr<Ticket>& ticket : ended) {
    Status status;
    if (ticket->error) status = *std::move(ticket->error);
    try {
      ticket->job->Done(std::move(status), ticket->timings);
    } catch (const std::exception&) {
      // No memory for the answer: whoever waits is told by what the job lets go of.
    }
  }
  {
    const std::lock_guard lock(mutex);
    for (const std::shared_ptr<Ticket>& ticket : ended) --ticket->queue->unfinished_;
  }
  ended.clear();
  idle.notify_all();
}

}  // namespace minnow
