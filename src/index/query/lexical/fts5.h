// SPDX-License-Identifier: Apache-2.0
// The way from a connection to FTS5's functions in C.
#pragma once

struct fts5_api;
struct sqlite3;

namespace minnow {

// Null where FTS5 is not built into SQLite, or memory is out. Lives as long as the connection.
fts5_api* FindFts5(sqlite3* connection);

}  // namespace minnow
