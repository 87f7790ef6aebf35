// SPDX-License-Identifier: Apache-2.0
#include "serving/kuberian/kuberian_service.h"

#include <utility>

namespace minnow {

Status KuberianService::Open(const std::string& index_name) {
  index_name_ = index_name;
  MINNOW_RETURN_IF_ERROR(Catalog());
  ready_.store(true, std::memory_order_release);
  return {};
}

Result<std::shared_ptr<SearchIndex>> KuberianService::Index() const {
  Store* const store = search_->store();
  if (store == nullptr) return Error{Code::kOverloaded, "the store is closed"};
  return store->FindIndex(index_name_);
}

Result<std::shared_ptr<const KuberianCatalog>> KuberianService::Catalog() {
  const std::lock_guard lock(mutex_);
  MINNOW_ASSIGN_OR_RETURN(const std::shared_ptr<SearchIndex> index, Index());
  MINNOW_ASSIGN_OR_RETURN(const int64_t generation, index->Generation());
  const bool same_index = catalog_ != nullptr && catalog_index_ == index->id();
  if (same_index && catalog_generation_ == generation) return catalog_;
  MINNOW_ASSIGN_OR_RETURN(KuberianCatalog catalog,
                          KuberianCatalog::Make(*index, same_index ? catalog_.get() : nullptr));
  catalog_ = std::make_shared<const KuberianCatalog>(std::move(catalog));
  catalog_index_ = index->id();
  catalog_generation_ = generation;
  return catalog_;
}

}  // namespace minnow
