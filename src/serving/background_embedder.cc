// SPDX-License-Identifier: Apache-2.0
// The loop: pending chunks, the model, the store.
#include "serving/background_embedder.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <string>
#include <utility>

namespace minnow {
namespace {

constexpr size_t kBatchChunks = 64;
constexpr size_t kBatchesAtOnce = 2;  // one is computed while another one is prepared, or stored
constexpr int kBatchesInTurn = 16;    // before another index has its turn
// Other processes may add chunks too; nobody wakes us for them.
constexpr std::chrono::milliseconds kIdleRest{5000};
constexpr std::chrono::milliseconds kRestAfterFailure{1000};
constexpr std::chrono::milliseconds kRestWhenRefused{50};
constexpr std::chrono::milliseconds kRestWithWaiters{200};  // whose clients may leave
constexpr std::chrono::seconds kMaintenanceInterval{60};
// After a change: the last round finds an index that rests, and saves what is not worth it sooner.
constexpr int kMaintenanceRounds = 2;

}  // namespace

Embedder::Embedder(Store* store, const ModelRegistry* models, WorkLane* lane,
                   std::function<void(const std::string&)> warn)
    : store_(store), models_(models), lane_(lane), warn_(std::move(warn)) {}

void Embedder::Warn(const std::string& message) {
  if (warn_) warn_(message);
}

void Embedder::Wake() {
  maintenance_rounds_ = kMaintenanceRounds;
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
  }
  changed_condition_.notify_all();
}

void Embedder::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  Wake();
}

void Embedder::Rest(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_condition_.wait_for(lock, time, [this] { return awake_ || stopping(); });
  awake_ = false;
}

void Embedder::Pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_condition_.wait_for(lock, time, [this] { return stopping(); });
}

template <class Work>
bool Embedder::Guarded(const char* what, const Work& work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    Warn(std::string(what) + ": " + error.what());
    return false;
  }
}

void Embedder::Run() {
  while (!stopping()) {
    bool more = false;
    if (!Guarded("embedding", [&] { more = Turn(); })) Pause(kRestAfterFailure);
    if (more) continue;
    bool waited_for = false;
    {
      const std::lock_guard lock(mutex_);
      waited_for = !waiters_.empty();
    }
    Rest(waited_for ? kRestWithWaiters : kIdleRest);
  }
  FailWaiters(nullptr, {Code::kOverloaded, "shutting down"});
}

bool Embedder::Turn() {
  bool more = false;
  if (!store_->read_only()) {
    for (const std::shared_ptr<SearchIndex>& index : store_->Indexes()) {
      if (!stopping()) more |= EmbedSome(*index);
    }
  }
  EndWaiters();
  if (!more) StartMaintenance();
  return more;
}

bool Embedder::EmbedSome(SearchIndex& index) {
  Result<bool> more = EmbedPending(index);
  if (more.ok()) return *more;
  if (stopping() || more.error().code == Code::kNotFound) return false;  // dropped meanwhile
  Warn("index " + index.name() + ": " + more.error().message);
  FailWaiters(&index.name(), more.error());
  Pause(kRestAfterFailure);
  return false;
}

Result<bool> Embedder::EmbedPending(SearchIndex& index) {
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index.Stats());
  if (stats.pending_chunks == 0) return false;
  const ModelLease model = ModelFor(stats);
  if (model == nullptr) return false;  // unloaded; what waits goes on waiting
  const ModelIdentity& identity = model->indexing()->identity;
  if (Status status = index.UseModel(identity, false); !status.ok()) {
    if (status.error().code != Code::kInvalidArgument) return std::move(status).error();
    if (refused_.insert(index.name()).second) Warn(status.error().message);
    FailWaiters(&index.name(), status.error());
    return false;
  }
  refused_.erase(index.name());
  std::deque<PendingBatch> batches;
  int64_t after = 0;
  bool all_taken = false;
  for (int turn = 0; !stopping();) {
    while (!all_taken && batches.size() < kBatchesAtOnce && turn < kBatchesInTurn) {
      MINNOW_ASSIGN_OR_RETURN(std::vector<PendingChunk> pending,
                              index.Pending(kBatchChunks, after));
      all_taken = pending.empty();
      if (all_taken) break;
      after = pending.back().chunk;
      PendingBatch& batch = batches.emplace_back();
      batch.model = model;
      for (PendingChunk& chunk : pending) {
        batch.chunks.push_back(chunk.chunk);
        batch.texts.push_back(std::move(chunk.text));
      }
      Submit(batch);
      ++turn;
    }
    if (batches.empty()) break;
    MINNOW_ASSIGN_OR_RETURN(const std::vector<float> vectors, Await(batches.front()));
    MINNOW_RETURN_IF_ERROR(index.SetVectors(identity, batches.front().chunks, vectors));
    batches.pop_front();
    maintenance_rounds_ = kMaintenanceRounds;
    EndWaiters();
  }
  return !all_taken;
}

ModelLease Embedder::ModelFor(const IndexStats& stats) const {
  ModelLease model = stats.model ? models_->FindForIndex(&*stats.model) : nullptr;
  return model != nullptr ? model : models_->FindForIndex(nullptr);
}

void Embedder::Submit(PendingBatch& batch) {
  EmbedRequest request;
  for (const std::string& text : batch.texts) request.inputs.emplace_back(text);
  request.field = "chunks";
  request.prompt.kind = PromptChoice::Kind::kDocument;
  request.priority = Priority::kBulk;
  auto promise = std::make_shared<std::promise<Result<EmbedAnswer>>>();
  batch.answer = promise->get_future();
  batch.model->Run(std::move(request), nullptr,
                   [promise, lease = batch.model](Result<EmbedAnswer> answer) {
                     promise->set_value(std::move(answer));
                   });
}

Result<EmbedAnswer> Embedder::EmbedOnce(const ModelLease& model, std::vector<std::string> texts) {
  PendingBatch batch;
  batch.model = model;
  batch.texts = std::move(texts);
  Submit(batch);
  return batch.answer.get();
}

Result<std::vector<float>> Embedder::Await(PendingBatch& batch) {
  // A batch may wait long behind interactive requests: whoever waits for a task is told in time.
  while (batch.answer.wait_for(kRestWithWaiters) != std::future_status::ready) EndWaiters();
  Result<EmbedAnswer> answer = batch.answer.get();
  while (!answer.ok() && answer.error().code == Code::kOverloaded) {
    if (stopping()) return std::move(answer).error();
    Pause(kRestWhenRefused);
    answer = EmbedOnce(batch.model, batch.texts);
  }
  if (answer.ok()) return std::move(answer->vectors);
  if (answer.error().code != Code::kInvalidArgument) return std::move(answer).error();
  // One of the texts: each by itself.
  std::vector<float> vectors;
  for (const std::string& text : batch.texts) {
    Result<EmbedAnswer> one = EmbedOnce(batch.model, {text});
    if (one.ok()) {
      vectors.insert(vectors.end(), one->vectors.begin(), one->vectors.end());
    } else if (one.error().code == Code::kInvalidArgument) {
      Warn("a chunk has no vector: " + one.error().message);
      vectors.resize(vectors.size() + batch.model->facts().embedding_size, 0.0f);
    } else {
      return std::move(one).error();
    }
  }
  return vectors;
}

void Embedder::WhenTaskEnds(int64_t task, std::chrono::seconds limit,
                            std::shared_ptr<ClientWatch> client, TaskCallback done) {
  if (stopping()) return done(Error{Code::kOverloaded, "shutting down"});
  {
    const std::lock_guard lock(mutex_);
    waiters_.push_back({task, Clock::now() + limit, std::move(client), std::move(done)});
  }
  Wake();
}

void Embedder::EndWaiters() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    waiters.swap(waiters_);
  }
  if (waiters.empty()) return;
  const Clock::time_point now = Clock::now();
  std::vector<Waiter> left;
  for (Waiter& waiter : waiters) {
    if (waiter.client != nullptr && waiter.client->gone()) {
      waiter.done(Error{Code::kDeadline, "the client left"});
      continue;
    }
    Result<TaskRecord> record = store_->FindTask(waiter.task);
    const bool ended = !record.ok() || record->status != TaskStatus::kProcessing;
    if (ended) {
      waiter.done(std::move(record));
    } else if (now >= waiter.deadline) {
      waiter.done(Error{Code::kDeadline, "the task goes on"});
    } else {
      left.push_back(std::move(waiter));
    }
  }
  const std::lock_guard lock(mutex_);
  std::move(left.begin(), left.end(), std::back_inserter(waiters_));
}

void Embedder::FailWaiters(const std::string* index, const Error& error) {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    waiters.swap(waiters_);
  }
  std::vector<Waiter> left;
  for (Waiter& waiter : waiters) {
    if (index != nullptr) {
      Result<TaskRecord> record = store_->FindTask(waiter.task);
      if (record.ok() && record->index != *index) {
        left.push_back(std::move(waiter));
        continue;
      }
    }
    waiter.done(error);
  }
  const std::lock_guard lock(mutex_);
  std::move(left.begin(), left.end(), std::back_inserter(waiters_));
}

void Embedder::StartMaintenance() {
  int rounds = maintenance_rounds_;
  if (store_->read_only() || rounds == 0) return;
  if (Clock::now() - maintained_ < kMaintenanceInterval || maintaining_.exchange(true)) return;
  maintenance_rounds_.compare_exchange_strong(rounds, rounds - 1);  // else something changed now
  maintained_ = Clock::now();
  const Status status = lane_->Submit([this] {
    Guarded("maintenance", [this] {
      const Status done = store_->RunMaintenance(false);
      if (!done.ok()) Warn("maintenance: " + done.error().message);
    });
    maintaining_ = false;
  });
  if (!status.ok()) maintaining_ = false;
}

}  // namespace minnow
