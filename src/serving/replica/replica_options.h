// SPDX-License-Identifier: Apache-2.0
// Where a server that is a replica has its index from.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow {

// Gets a file of a snapshot from elsewhere, by whatever protocol: `take` is given its bytes in
// order, whose failure ends it, as more than max_bytes do. Blocks, with limits of time of its own;
// asked to stop it ends soon. kNotFound: there is no such file.
using SnapshotFetch =
    std::function<Status(const std::string& name, uint64_t max_bytes, const std::stop_token& stop,
                         const std::function<Status(std::string_view)>& take)>;

struct ReplicaOptions {
  std::string from;     // a folder, or what messages call the place; empty: this is no replica
  SnapshotFetch fetch;  // null: `from` is a folder, whose files are mapped where they lie
  std::string cache;    // the folder for what is fetched; empty: a temporary one
  std::chrono::milliseconds refresh{60'000};
};

}  // namespace minnow
