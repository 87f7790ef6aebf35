// SPDX-License-Identifier: Apache-2.0
// How a store's file is opened: to write, to read beside writers, or where nothing can be written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "index/sqlite/connections.h"
#include "index/sqlite/sqlite.h"
#include "index/store/store.h"

namespace minnow {

// Reads any database without a trace: no file is made beside it, nor a log played back.
Result<std::unique_ptr<Database>> OpenToLook(const std::string& path, const std::string& vfs = "");

// Whether the file may be opened as a store; it is only read. An absent or empty one may, where
// options.create; another program's database, where options.adopt. kNotFound: it holds no store.
Status CheckStoreFile(const std::string& path, const StoreOptions& options);

// The connection that writes; the file, which CheckStoreFile lets through, becomes a store where it
// is none yet. kInternal where the file or its folder cannot be written.
Result<std::unique_ptr<Database>> OpenWriter(const std::string& path, const StoreOptions& options);

// What opens connections that read. Finds out how that can be done: beside writers; or, where the
// folder is read-only, as a file that nobody changes. In a bundle (`vfs` is BytesFile's) it is
// always the latter. kOverloaded: another process holds the store for itself, for longer than
// `busy_timeout_ms`.
Result<Connections::Opener> FindReadMode(const std::string& path, const std::string& vfs,
                                         int busy_timeout_ms = DatabaseOptions().busy_timeout_ms);

// A connection that can write, which leaves the file as it is: nothing is made, nor set up. Null
// where the file or its folder is read-only.
Result<std::unique_ptr<Database>> OpenToCheck(const std::string& path);

// Removes sidecars of indexes that were dropped: what saved one may have been killed meanwhile. Ids
// of indexes are never given twice, so nobody can need them. What cannot be removed stays.
void RemoveStraySidecars(Database* database, const std::string& store_path);

// Where the vectors of an index lie: beside the store.
std::string SidecarPath(const std::string& store_path, int64_t index);

}  // namespace minnow
