// SPDX-License-Identifier: Apache-2.0
// Which store a server serves, and how.
#pragma once

#include <string>

#include "serving/replica/replica_options.h"

namespace minnow {

struct ServedStoreOptions {
  std::string index;       // path of the store; empty: none is served
  ReplicaOptions replica;  // its `from` in place of `index`
  bool read_only = false;
  bool reembed = false;
  bool is_kuberian = false;
  std::string kuberian;  // path of the database; empty: DATABASE_URL, or Kuberian's default
};

}  // namespace minnow
