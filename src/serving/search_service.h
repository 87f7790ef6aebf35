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

namespace minnow {

struct SearchServiceOptions {
  int read_threads = 2;
  size_t max_waiting_reads = 512;   // above: 429
  size_t max_waiting_writes = 256;  // above: 429
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

  // Null until Open. Its methods block: they belong on the lanes.
  Store* store() const { return open_.load(std::memory_order_acquire); }
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
  Result<ModelLease> ModelFor(const SearchIndex& index);
  // The same for an index that is not made yet. Does not block.
  Result<ModelLease> ModelForNew() const;
  // Whether queries embedded by `model` can be compared with the index's vectors: kInvalidArgument
  // names both models where not. Blocks.
  Status CheckModel(const SearchIndex& index, const LoadedModel& model);

  // Ends what runs in the background, refuses what is new and waits for what is at work; then the
  // store is closed in good order. Before it, the embedding service is stopped. Idempotent.
  void Stop();
  // First half of Stop: nothing new is embedded.
  void BeginStop();

 private:
  SearchService(SearchServiceOptions options, const ModelRegistry* models);
  // What the index is bound to, as of a second ago at most; nullopt: to nothing yet.
  Result<std::optional<ModelIdentity>> BoundModel(const SearchIndex& index);

  const SearchServiceOptions options_;
  const ModelRegistry* const models_;
  std::unique_ptr<WorkLane> readers_;
  std::unique_ptr<WorkLane> preparer_;
  std::unique_ptr<WorkLane> writer_;
  std::unique_ptr<WorkLane> background_;
  std::unique_ptr<Store> store_;
  std::string mirror_;  // as store_, written before open_
  std::atomic<Store*> open_{nullptr};
  std::unique_ptr<Embedder> owned_embedder_;
  std::atomic<Embedder*> embedder_{nullptr};

  struct Bound {
    std::chrono::steady_clock::time_point when;
    std::optional<ModelIdentity> model;
  };
  std::mutex bound_mutex_;
  std::map<int64_t, Bound> bound_;  // by index; guarded by bound_mutex_
};

}  // namespace minnow
