// SPDX-License-Identifier: Apache-2.0
// SearchService: the store behind the routes, the threads that read and write it, and the embedding
// of what was added.
//
// It exists before the store is open. Methods may be called from any thread and do not block, but
// for those that say so.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/work_lane.h"
#include "index/store/store.h"
#include "serving/background_embedder.h"
#include "serving/model_registry.h"
#include "serving/replica/replica_status.h"

namespace minnow {

// A store that is served. Requests hold it by a lease, and go on with it where it is exchanged for
// another one meanwhile.
struct ServedGeneration {
  std::unique_ptr<Store> store;
  int64_t generation = 0;  // of a snapshot; 0: it is none

  // What its indexes are bound to, as of `when`.
  struct Bound {
    std::chrono::steady_clock::time_point when;
    std::optional<ModelIdentity> model;
  };
  std::mutex bound_mutex = {};
  std::map<int64_t, Bound> bound = {};  // by index; guarded by bound_mutex
};
using StoreLease = std::shared_ptr<ServedGeneration>;

struct SearchServiceOptions {
  int read_threads = 2;
  size_t max_waiting_reads = 512;   // above: 429
  size_t max_waiting_writes = 256;  // above: 429
  bool replica = false;             // the store is exchanged now and then, and never written to
  // Told of what goes wrong in the background, on any thread.
  std::function<void(const std::string&)> warn;
};

class SearchService {
 public:
  // `models` outlives the service. kInternal when no thread is to be had.
  static Result<std::unique_ptr<SearchService>> Start(SearchServiceOptions options,
                                                      const ModelRegistry* models);
  ~SearchService();

  // The store is open from now on. Called once. `mirror`: an index that follows tables of another
  // program, so that nobody else may write to it; empty: none does.
  void Open(std::unique_ptr<Store> store, std::string mirror = {});
  // The models are ready: documents are taken, and what waits for vectors gets them from now on.
  // Called once, after Open.
  void StartEmbedding();

  // The same for a replica, whose stores come later: the models are ready.
  void StartReplica() { started_.store(true, std::memory_order_release); }
  // Requests get this store from now on. The lease of the former one; null: there was none.
  StoreLease Exchange(std::unique_ptr<Store> store, int64_t generation);
  // Null where this is no replica.
  ReplicaStatus* replica() const { return replica_.get(); }

  // Null until there is a store. Its methods block: they belong on the lanes.
  StoreLease lease() const;
  // The same of a store that is not exchanged. REQUIRES: this is no replica
  Store* store() const;
  // After Open.
  const std::string& mirror() const { return mirror_; }

  // For what reads; for what reads documents that are to be written; and for what writes, one
  // after the other.
  WorkLane& readers() { return *readers_; }
  WorkLane& preparer() { return *preparer_; }
  WorkLane& writer() { return *writer_; }

  // The store was written to.
  void StoreChanged();
  // `done` is called once the task has ended, with its record, or with an Error: kDeadline after
  // `limit` or when the client left, another one when its chunks cannot be embedded. On a thread of
  // the service, or on the caller's. Blocks for a moment (reads the store).
  void WhenTaskEnds(int64_t task, std::chrono::seconds limit, std::shared_ptr<ClientWatch> client,
                    Embedder::TaskCallback done);

  // The model for the texts of an index's documents and queries: the one that made its vectors,
  // else the first one that could. kOverloaded until StartEmbedding. Blocks.
  Result<ModelLease> ModelFor(ServedGeneration& of, const SearchIndex& index) const;
  // The same for an index that is not made yet. Does not block.
  Result<ModelLease> ModelForNew() const;
  // Whether queries embedded by `model` can be compared with the index's vectors: kInvalidArgument
  // names both models where not. Blocks.
  static Status CheckModel(ServedGeneration& of, const SearchIndex& index,
                           const LoadedModel& model);

  // Ends what runs in the background, refuses what is new and waits for what is at work; then the
  // store is closed in good order. Before it, the embedding service is stopped. Idempotent.
  void Stop();
  // First half of Stop: nothing new is embedded.
  void BeginStop();

 private:
  SearchService(SearchServiceOptions options, const ModelRegistry* models);

  const SearchServiceOptions options_;
  const ModelRegistry* const models_;
  std::unique_ptr<WorkLane> readers_;
  std::unique_ptr<WorkLane> preparer_;
  std::unique_ptr<WorkLane> writer_;
  std::unique_ptr<WorkLane> background_;
  const std::unique_ptr<ReplicaStatus> replica_;
  mutable std::mutex mutex_;
  StoreLease present_;  // guarded by mutex_
  std::string mirror_;  // written before present_
  std::unique_ptr<Embedder> owned_embedder_;
  std::atomic<Embedder*> embedder_{nullptr};
  std::atomic<bool> started_{false};
};

}  // namespace minnow
