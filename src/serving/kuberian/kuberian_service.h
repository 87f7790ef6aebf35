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
  // Whether that is the index of functions.
  bool Serves(const SearchIndex& index) const { return ready() && index.name() == index_name_; }

  // Both block. REQUIRES: ready().
  Result<std::shared_ptr<SearchIndex>> Index() const;
  // Made anew, from what changed, where the index was written to meanwhile.
  Result<std::shared_ptr<const KuberianCatalog>> Catalog();

 private:
  SearchService* const search_;
  std::string index_name_;  // written before ready_
  std::atomic<bool> ready_{false};
  std::mutex mutex_;
  std::shared_ptr<const KuberianCatalog> catalog_;  // guarded by mutex_, as what follows
  int64_t catalog_index_ = 0;                       // of which index
  int64_t catalog_generation_ = 0;                  // at least of this state of it
};

}  // namespace minnow
