// SPDX-License-Identifier: Apache-2.0
// The store that the running program carries (minnow bundle --index).
#pragma once

#include <memory>

#include "base/result.h"
#include "index/store/store.h"

namespace minnow {

// Fails with kInvalidArgument where the program carries none.
Result<std::unique_ptr<Store>> OpenBundledStore();

}  // namespace minnow
