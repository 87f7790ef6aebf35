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
  const uint64_t changes = search_->changes();
  if (catalog_ != nullptr && catalog_changes_ == changes) return catalog_;
  MINNOW_ASSIGN_OR_RETURN(const std::shared_ptr<SearchIndex> index, Index());
  MINNOW_ASSIGN_OR_RETURN(KuberianCatalog catalog, KuberianCatalog::Make(*index));
  catalog_ = std::make_shared<const KuberianCatalog>(std::move(catalog));
  catalog_changes_ = changes;
  return catalog_;
}

}  // namespace minnow
