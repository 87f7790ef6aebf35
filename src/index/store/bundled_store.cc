// SPDX-License-Identifier: Apache-2.0
#include "index/store/bundled_store.h"

#include "formats/bundle.h"

namespace minnow {

Result<std::unique_ptr<Store>> OpenBundledStore() {
  MINNOW_ASSIGN_OR_RETURN(const BundleContents contents, ReadBundle(kThisProgram));
  if (!contents.store) {
    return Error{Code::kInvalidArgument, "no --index given, and this program carries none"};
  }
  BundledStore bundle;
  bundle.path = kThisProgram;
  bundle.store = {contents.store->offset, contents.store->bytes};
  for (const auto& [index, range] : contents.vectors) {
    bundle.sidecars[index] = {range.offset, range.bytes};
  }
  return Store::OpenBundled(bundle);
}

}  // namespace minnow
