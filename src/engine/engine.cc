// SPDX-License-Identifier: Apache-2.0
// The threads and what they do.
#include "engine/engine.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace minnow {
namespace {

using Clock = Job::Clock;

const Error& OutOfMemory() {
  // Made beforehand: there may be no memory for it when it is needed.
  static const Error error{Code::kOverloaded, "out of memory"};
  return error;
}

const Error& Stopping() {
  static const Error error{Code::kOverloaded, "shutting down"};
  return error;
}

EngineOptions Completed(EngineOptions options, const Task& task) {
  options.max_batch_tokens = std::max(options.max_batch_tokens, task.max_item_tokens());
  options.max_batch_items = std::max<size_t>(options.max_batch_items, 1);
  options.prepare_threads = std::max(options.prepare_threads, 1);
  options.compute_threads = std::max(options.compute_threads, 1);
  return options;
}

}  // namespace

Engine::Engine(const EngineOptions& options, const Task* task)
    : options_(Completed(options, *task)),
      task_(task),
      pool_(options_.compute_threads),
      workspace_(task->NewWorkspace(options_.max_batch_tokens, options_.max_batch_items, &pool_)),
      admission_(options_.admission),
      batcher_(options_.max_batch_tokens, options_.max_batch_items,
               options_.max_bulk_batch_tokens) {}

Result<std::unique_ptr<Engine>> Engine::Start(const EngineOptions& options, const Task* task) {
  OutOfMemory();
  Stopping();
  try {
    std::unique_ptr<Engine> engine(new Engine(options, task));
    for (int i = 0; i < engine->options_.prepare_threads; ++i) {
      engine->threads_.emplace_back([e = engine.get()] { e->PrepareLoop(); });
    }
    engine->threads_.emplace_back([e = engine.get()] { e->WorkLoop(); });
    return engine;
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for a workspace of " +
                                      std::to_string(options.max_batch_tokens) + " tokens"};
  } catch (const std::system_error& error) {
    return Error{Code::kInternal, std::string("cannot start a thread: ") + error.what()};
  }
}

Engine::~Engine() { Stop(); }

Status Engine::Submit(std::shared_ptr<Job> job) {
  auto ticket = std::make_shared<Ticket>();
  ticket->counted_items = job->expected_items();
  ticket->counted_tokens = job->expected_tokens();
  ticket->submitted = Clock::now();
  ticket->job = std::move(job);
  {
    const std::lock_guard lock(mutex_);
    Status admitted = draining_ || stopping_
                          ? Status(Stopping())
                          : admission_.Admit(ticket->counted_items, ticket->counted_tokens);
    if (!admitted.ok()) {
      ++stats_.jobs_refused;
      return admitted;
    }
    ++stats_.jobs_taken;
    ++unfinished_;
    unprepared_.push_back(std::move(ticket));
  }
  prepare_wanted_.notify_one();
  return {};
}

void Engine::PrepareLoop() {
  while (true) {
    std::shared_ptr<Ticket> ticket;
    {
      std::unique_lock lock(mutex_);
      prepare_wanted_.wait(lock, [this] { return stopping_ || !unprepared_.empty(); });
      if (unprepared_.empty()) return;
      ticket = std::move(unprepared_.front());
      unprepared_.pop_front();
      if (stopping_) ticket->error = Stopping();
    }
    PrepareOne(std::move(ticket));
  }
}

void Engine::PrepareOne(std::shared_ptr<Ticket> ticket) {
  const Clock::time_point begin = Clock::now();
  ticket->timings.queue = begin - ticket->submitted;
  if (!ticket->error) ticket->error = GivenUp(*ticket->job, begin);
  if (!ticket->error) {
    try {
      Result<std::vector<uint32_t>> costs = ticket->job->Prepare();
      if (costs.ok()) {
        ticket->costs = std::move(costs).value();
      } else {
        ticket->error = std::move(costs).error();
      }
    } catch (const std::bad_alloc&) {
      ticket->error = OutOfMemory();
    }
  }
  size_t tokens = 0;
  for (const uint32_t cost : ticket->costs) {
    CHECK(cost >= 1 && cost <= options_.max_batch_tokens);
    tokens += cost;
  }
  ticket->prepared = Clock::now();
  ticket->timings.prepare = ticket->prepared - begin;
  std::vector<std::shared_ptr<Ticket>> ended;
  {
    const std::lock_guard lock(mutex_);
    admission_.Correct(ticket->counted_tokens, tokens);
    ticket->counted_tokens = tokens;
    if (stopping_ && !ticket->error) ticket->error = Stopping();
    if (ticket->finished()) {
      ended.push_back(std::move(ticket));
    } else {
      batcher_.Add(std::move(ticket));
    }
  }
  if (ended.empty()) {
    work_wanted_.notify_one();
  } else {
    Finish(ended);
  }
}

void Engine::WorkLoop() {
  Batch batch;
  std::vector<std::shared_ptr<Ticket>> ended;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      work_wanted_.wait(lock, [this] { return stopping_ || !batcher_.empty(); });
      if (stopping_) {
        batcher_.FailAll(Stopping(), ended);
      } else {
        batcher_.Take(Clock::now(), batch, ended);
      }
    }
    Finish(ended);
    // Jobs that are still being prepared see stopping_ for themselves.
    if (batch.items.empty()) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      continue;
    }
    const Clock::time_point begin = Clock::now();
    const Status status = RunBatch(batch);
    const std::chrono::nanoseconds run = Clock::now() - begin;
    {
      const std::lock_guard lock(mutex_);
      ++stats_.batches;
      stats_.batch_items += batch.items.size();
      stats_.batch_tokens += batch.tokens;
      stats_.run_seconds += std::chrono::duration<double>(run).count();
      batcher_.Complete(batch, status, run, ended);
    }
    batch.Clear();
    Finish(ended);
  }
}

Status Engine::RunBatch(const Batch& batch) {
  try {
    task_->Run(batch.items, *workspace_);
    return {};
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
}

void Engine::Finish(std::vector<std::shared_ptr<Ticket>>& ended) {
  if (ended.empty()) return;
  {
    // Before Done: a client that sends its next request at once finds the place free.
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Ticket>& ticket : ended) {
      admission_.Release(ticket->counted_items, ticket->counted_tokens);
    }
  }
  for (const std::shared_ptr<Ticket>& ticket : ended) {
    Status status;
    if (ticket->error) status = *std::move(ticket->error);
    ticket->job->Done(std::move(status), ticket->timings);
  }
  {
    const std::lock_guard lock(mutex_);
    unfinished_ -= ended.size();
  }
  ended.clear();
  idle_.notify_all();
}

bool Engine::Drain(std::chrono::nanoseconds limit) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return idle_.wait_for(lock, limit, [this] { return unfinished_ == 0; });
}

void Engine::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  prepare_wanted_.notify_all();
  work_wanted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Load Engine::load() const {
  const std::lock_guard lock(mutex_);
  return admission_.load();
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace minnow
