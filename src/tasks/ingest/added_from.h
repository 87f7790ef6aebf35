// SPDX-License-Identifier: Apache-2.0
// What an index remembers of the folders that its files were added from.
//
// Ids of files are relative to a root that they do not name: "docs/a.md" may be of one project or
// of another. So that pruning the one leaves the other alone, an index keeps for each prefix of ids
// (Walk::prefixes) a hash of the root that it is relative to; no path, since stores are given away.
#pragma once

#include <string>

#include "base/result.h"
#include "index/store/search_index.h"
#include "tasks/ingest/file_walk.h"

namespace minnow {

enum class PruneRule {
  kNone,   // nothing will be deleted
  kOwn,    // kInvalidArgument where ids that would be looked at were added from another root
  kMoved,  // all below the walk's prefixes is of its roots from now on
};

// Notes where the walk's files come from, in one durable transaction, before they are added.
Status NoteAddedFrom(SearchIndex& index, const Walk& walk, PruneRule rule);

}  // namespace minnow
