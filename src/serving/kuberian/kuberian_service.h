// SPDX-License-Identifier: Apache-2.0
// KuberianService: the index of functions behind Kuberian's routes, and its catalogue.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "serving/kuberian/catalog.h"
#include "serving/search_service.h"

namespace minnow {

class KuberianService {
 public:
  // `search` outlives the service.
  explicit KuberianService(SearchService* search) : search_(search) {}

  // The functions are there, with their vectors: requests are answered from now on. Called once, by
  // the loading thread. Fails as reading the index does.
  Status Open(const std::string& index_name);
  bool ready() const { return ready_.load(std::memory_order_acquire); }

  // Both block. REQUIRES: ready().
  Result<std::shared_ptr<SearchIndex>> Index() const;
  // Made anew where the store was written to meanwhile.
  Result<std::shared_ptr<const KuberianCatalog>> Catalog();

 private:
  SearchService* const search_;
  std::string index_name_;  // written before ready_
  std::atomic<bool> ready_{false};
  std::mutex mutex_;
  std::shared_ptr<const KuberianCatalog> catalog_;  // guarded by mutex_
  uint64_t catalog_changes_ = 0;                    // guarded by mutex_: as of which change
};

}  // namespace minnow
