// SPDX-License-Identifier: Apache-2.0
// SnapshotFollower: serves the present generation of a snapshot, and exchanges it when there is a
// newer one: looks for it, fetches it, checks all of it, opens it, and only then lets requests
// have it. Whatever goes wrong leaves the former one in place.
//
// Start and Stop from one thread. It has a thread of its own, the only one that blocks for a
// snapshot and that closes generations which no request uses any more.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/temporary_folder.h"
#include "index/snapshot/manifest.h"
#include "index/snapshot/snapshot_folder.h"
#include "serving/log.h"
#include "serving/model_registry.h"
#include "serving/replica/replica_options.h"
#include "serving/search_service.h"

namespace minnow {

class SnapshotFollower {
 public:
  // All outlive the follower. REQUIRES: `search` was started as a replica's.
  SnapshotFollower(const ReplicaOptions& options, const Log& log, const ModelRegistry* models,
                   SearchService* search)
      : options_(options), log_(log), models_(models), search_(search) {}
  // Stops.
  ~SnapshotFollower();

  // The models are loaded. kInternal: no thread, or no folder for what is fetched, is to be had;
  // kOverloaded: another process fetches into the same.
  Status Start();
  // What is under way ends soon.
  void BeginStop() { thread_.request_stop(); }
  // Waits for its end. Idempotent.
  void Stop();

 private:
  void Run(const std::stop_token& stop);
  // One look at the source; afterwards its present generation is served.
  Status Refresh(const std::stop_token& stop);
  std::string StoreToKeep() const;
  Result<std::string> FetchManifest(const std::stop_token& stop) const;
  // Brings what the cache lacks of the manifest's files.
  Status Fetch(const SnapshotManifest& manifest, const std::stop_token& stop) const;
  Status FetchFile(const SnapshotFile& file, const std::stop_token& stop) const;
  // Opens and serves a generation whose files lie in `folder` and were checked.
  Status Serve(const std::string& folder, const SnapshotManifest& manifest, std::string text);
  // What an earlier process has fetched, where there is nothing else to serve.
  void ServeFromCache(const std::stop_token& stop);
  Status CheckModel(const std::string& index, const std::optional<ModelIdentity>& model) const;
  void Report(const Status& status);
  void CloseUnused();

  const ReplicaOptions& options_;
  const Log& log_;
  const ModelRegistry* const models_;
  SearchService* const search_;
  std::unique_ptr<TemporaryFolder> temporary_;
  std::optional<SnapshotFolder> cache_;  // of what is fetched
  std::string served_;                   // the manifest that is served; empty: none is
  std::string served_store_;             // the name of its store
  std::vector<StoreLease> former_;       // that requests may still use
  std::jthread thread_;
};

}  // namespace minnow
