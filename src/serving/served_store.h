// SPDX-License-Identifier: Apache-2.0
// The store of minnow serve: from the command line to the services behind the routes.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/bundle.h"
#include "serving/kuberian/kuberian_service.h"
#include "serving/kuberian/kuberian_store.h"
#include "serving/log.h"
#include "serving/replica/snapshot_follower.h"
#include "serving/search_service.h"
#include "serving/served_store_options.h"

namespace minnow {

// One thread at a time calls Start, Open, BeginEmbedding, Stop, in this order; the services that it
// gives out are thread-safe.
class ServedStore {
 public:
  // All outlive the store.
  ServedStore(const ServedStoreOptions& options, const Log& log, const ModelRegistry* models)
      : options_(options), log_(log), models_(models) {}

  // Whether the command line asks for a store at all, or the program carries one.
  bool wanted() const {
    return options_.is_kuberian || !options_.index.empty() || is_replica() || HasBundledStore();
  }
  // Starts the threads. The services are there from then on.
  Status Start();
  // Opens the store, where that needs no model: what needs no vectors is answered while the model
  // is loaded.
  Status Open();
  // The models are loaded. Kuberian's functions are read, and have their vectors on return; other
  // documents get theirs in the background. Fails with kInvalidArgument where no model embeds.
  Status BeginEmbedding();

  // Before and after the models' end.
  void BeginStop();
  void Stop();

  // Null where no store is wanted.
  SearchService* search() { return search_.get(); }
  KuberianService* kuberian() { return kuberian_.get(); }

 private:
  bool is_replica() const { return !options_.replica.from.empty(); }
  Status OpenFunctions(const ModelIdentity& model);
  Status AwaitVectors();
  void LogOpen(const Store& store) const;

  const ServedStoreOptions& options_;
  const Log& log_;
  const ModelRegistry* const models_;
  KuberianStore functions_;  // its store is the service's once that is open
  std::unique_ptr<SearchService> search_;
  std::unique_ptr<KuberianService> kuberian_;
  std::unique_ptr<SnapshotFollower> follower_;
};

}  // namespace minnow
