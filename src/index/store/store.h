// SPDX-License-Identifier: Apache-2.0
// Store: one SQLite file that holds named indexes, with a vector sidecar beside it for each of
// them ("my.db-vectors-1"). The file is the truth; sidecars are made from it. Format: FORMAT.md in
// src/index.
//
// Thread-safe. Tables of others in the same file are left alone.
// The store makes no threads. Whoever owns threads (the server's worker, the command line) calls
// RunMaintenance now and then, and at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/store/backup.h"
#include "index/store/search_index.h"
#include "index/store/tasks.h"

namespace minnow {

struct StoreOptions {
  bool read_only = false;  // works on a read-only file system; several processes may do so at once
  bool create = true;      // make the file where there is none, or an empty one
  bool adopt = false;      // make a store of another program's database, beside its tables
  int readers = 4;         // connections that stay open between searches
  // Indexes of fewer vectors get no sidecar: they are read from the store as fast.
  size_t sidecar_rows = 2048;
  std::string vfs;  // SQLite's file system; empty: the system's (tests have their own)
};

struct FileRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// A store that nobody changes, inside a larger file, such as the program itself: what Backup wrote,
// and what stood at SidecarPath (index/store/store_files.h) for some of its indexes.
struct BundledStore {
  std::string path;
  FileRange store;
  std::map<int64_t, FileRange> sidecars;  // by index id; may lack some, or be stale
  bool beside = false;                    // sidecars lie at SidecarPath, not in the same file
};

struct StoreState;

class Store {
 public:
  // kNotFound, kInvalidArgument (no regular file), kCorrupt (no database), kUnsupported (of a newer
  // version), kInternal. What holds no store is left as it is, byte for byte, unless it is adopted.
  static Result<std::unique_ptr<Store>> Open(const std::string& path, const StoreOptions& options);
  // Read-only, straight from the file's pages; nothing is opened by name after this.
  static Result<std::unique_ptr<Store>> OpenBundled(const BundledStore& bundle, int readers = 4);
  ~Store();

  std::string path() const;
  bool read_only() const;

  // kInvalidArgument where it exists, or for a name outside [A-Za-z0-9_-]{1,64}.
  Result<std::shared_ptr<SearchIndex>> CreateIndex(const std::string& name,
                                                   const IndexSettings& settings);
  // kNotFound. Knows what other processes have made and dropped.
  Result<std::shared_ptr<SearchIndex>> FindIndex(const std::string& name) const;
  // In the order in which they were made.
  std::vector<std::shared_ptr<SearchIndex>> Indexes() const;
  Status DropIndex(const std::string& name);

  Result<TaskRecord> FindTask(int64_t id) const;  // kNotFound
  Result<TaskPage> Tasks(size_t offset, size_t limit) const;
  // Ends a task whose chunks cannot be embedded.
  Status FailTask(int64_t id, const std::string& error);

  // A copy of the live store, complete and closed, which takes its name at the end. Searches and
  // writes go on.
  Status Backup(const std::string& path, const Progress& progress) const;
  // Gives freed space back to the file system. Writers wait meanwhile.
  Status Compact(const Progress& progress);
  // Reads everything; kCorrupt names the first thing that is wrong.
  Status Verify(const Progress& progress) const;

  // What can wait: saves sidecars whose tail has grown, sorts vectors into lists, frees space.
  // Searches and writes go on beside it; a second call beside the first does nothing. `at_end`: the
  // process is about to close the store. pool: the caller's own; null: the calling thread alone.
  // What fails for one index keeps no other from its own: the first error is returned at the end.
  Status RunMaintenance(bool at_end, ThreadPool* pool = nullptr);

 private:
  explicit Store(std::shared_ptr<StoreState> state);
  static Result<std::unique_ptr<Store>> Load(std::shared_ptr<StoreState> state);
  std::shared_ptr<StoreState> state_;
};

}  // namespace minnow
