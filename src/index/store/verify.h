// SPDX-License-Identifier: Apache-2.0
// Reads everything of a store and says what is wrong with it.
#pragma once

#include <string>

#include "base/result.h"
#include "index/sqlite/connections.h"
#include "index/store/backup.h"
#include "index/store/index_state.h"

namespace minnow {

// SQLite's own check of the whole file, tables of others included. kCorrupt.
Status VerifyDatabase(Connections* connections, const Progress& progress);

// That an index's tables fit together, that its documents are what they should be, and that memory
// and sidecar hold what the tables hold. kCorrupt names the first thing that is wrong. Of a store
// that is only read, the full text is left out.
Status VerifyIndex(const IndexState& state, const Progress& progress);

// The full text of all indexes, for who has opened the store for reading. SQLite checks it only by
// a connection that can write: one is opened, nothing is changed, and writers wait for an index at
// a time. False: the file or its folder is read-only, nothing was checked. kCorrupt; kOverloaded:
// another process keeps writing; kDeadline: stopped.
Result<bool> VerifyFullText(const std::string& path, const Progress& progress);

}  // namespace minnow
