// SPDX-License-Identifier: Apache-2.0
// Embedder: gives chunks that wait in a store their vectors, in the background, so that queries go
// first; and tells who waits for a task that it is done.
//
// What waits is read from the store itself, so that a process that was killed goes on where it was.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/client_watch.h"
#include "base/result.h"
#include "engine/work_lane.h"
#include "index/store/store.h"
#include "serving/model_registry.h"

namespace minnow {

class Embedder {
 public:
  using TaskCallback = std::function<void(Result<TaskRecord>)>;

  // All outlive the embedder. `lane` has a thread for Run and another one for the store's
  // maintenance. `warn` may be null.
  Embedder(Store* store, const ModelRegistry* models, WorkLane* lane,
           std::function<void(const std::string&)> warn);

  // Works until Stop. One thread.
  void Run();

  // Any thread, all that is below.
  // The store has changed.
  void Wake();
  void Stop();
  void WhenTaskEnds(int64_t task, std::chrono::seconds limit, std::shared_ptr<ClientWatch> client,
                    TaskCallback done);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiter {
    int64_t task;
    Clock::time_point deadline;
    std::shared_ptr<ClientWatch> client;
    TaskCallback done;
  };
  // Chunks on their way through a model.
  struct PendingBatch {
    ModelLease model;
    std::vector<int64_t> chunks;
    std::vector<std::string> texts;
    std::future<Result<EmbedAnswer>> answer;
  };

  // Runs `work`. False: it threw, for lack of memory, say; the loop goes on.
  template <class Work>
  bool Guarded(const char* what, const Work& work);
  // One round over all indexes. True: there was something to do, and there may be more.
  bool Turn();
  bool EmbedSome(SearchIndex& index);
  Result<bool> EmbedPending(SearchIndex& index);
  // The model that made the index's vectors, else the first one that could.
  ModelLease ModelFor(const IndexStats& stats) const;
  void Submit(PendingBatch& batch);
  // The vectors of a batch, [n, D]; zeros for chunks that the model refuses.
  Result<std::vector<float>> Await(PendingBatch& batch);
  Result<EmbedAnswer> EmbedOnce(const ModelLease& model, std::vector<std::string> texts);
  void EndWaiters();
  // Those of tasks of that index, or all.
  void FailWaiters(const std::string* index, const Error& error);
  void StartMaintenance();
  // Returns early on Wake and Stop.
  void Rest(std::chrono::milliseconds time);
  // Returns early on Stop alone: what Wake said is still to be done.
  void Pause(std::chrono::milliseconds time);
  void Warn(const std::string& message);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  Store* const store_;
  const ModelRegistry* const models_;
  WorkLane* const lane_;
  const std::function<void(const std::string&)> warn_;

  std::atomic<bool> stopping_{false};
  std::atomic<bool> maintaining_{false};
  std::set<std::string> refused_;           // indexes of another model, that were warned of
  std::atomic<int> maintenance_rounds_{0};  // that the changes so far want still
  Clock::time_point maintained_ = Clock::now();

  std::mutex mutex_;
  std::condition_variable changed_condition_;
  bool awake_ = false;           // guarded by mutex_
  std::vector<Waiter> waiters_;  // guarded by mutex_
};

}  // namespace minnow
