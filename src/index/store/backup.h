// SPDX-License-Identifier: Apache-2.0
// A copy of a live database, and the space that deleted rows leave.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "index/sqlite/connections.h"

namespace minnow {

// Called now and then with what is done of how much; false: stop, with an Error of kDeadline.
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// One state of the store, in a file that takes its name when it is complete and on disk. Waits for
// no writer, and none waits for it. kInvalidArgument where `path` is the store itself, is no
// regular file, or has a log beside it that belongs to another database.
Status BackupDatabase(Connections* connections, const std::string& path, const Progress& progress);

// Gives all free pages back to the file system and empties the write-ahead log. Other writes come
// in between, but for a file that minnow did not make, which is written anew as a whole.
Status CompactDatabase(Connections* connections, const Progress& progress);

// The same by itself: only where much is free, and in small steps.
Status FreeSomeSpace(Connections* connections);

}  // namespace minnow
