// SPDX-License-Identifier: Apache-2.0
// Reads everything of a store and says what is wrong with it.
#pragma once

#include "base/result.h"
#include "index/sqlite/connections.h"
#include "index/store/backup.h"
#include "index/store/index_state.h"

namespace minnow {

// SQLite's own check of the whole file, tables of others included. kCorrupt.
Status VerifyDatabase(Connections* connections, const Progress& progress);

// That an index's tables fit together, that its documents are what they should be, and that memory
// and sidecar hold what the tables hold. kCorrupt names the first thing that is wrong.
Status VerifyIndex(const IndexState& state, const Progress& progress);

}  // namespace minnow
