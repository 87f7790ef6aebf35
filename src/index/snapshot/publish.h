// SPDX-License-Identifier: Apache-2.0
// Publishing a store, which may be in use, as the next generation of a snapshot.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "index/snapshot/manifest.h"
#include "index/store/store.h"

namespace minnow {

struct PublishedSnapshot {
  SnapshotManifest manifest;
  bool unchanged = false;  // the store is as it was: the present generation stays
};

// Copies one state of the store, with vectors in scan order, into `folder`, which is made where
// there is none; readers of it see the former generation or the new one. `keep`: how many former
// ones stay. Blocks; writers of the store go on. Fails as SnapshotFolder::Open and Store::Backup
// do; kDeadline: `progress` said so. Then the present generation is as it was.
Result<PublishedSnapshot> PublishSnapshot(const Store& store, const std::string& folder,
                                          size_t keep, const Progress& progress);

}  // namespace minnow
