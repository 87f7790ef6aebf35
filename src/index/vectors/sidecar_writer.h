// SPDX-License-Identifier: Apache-2.0
// Writes a sidecar: rows are encoded list by list and go straight to the file, so that memory is
// needed for a few lists, and 8 bytes a row, only.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/vectors/segment_builder.h"
#include "index/vectors/sidecar.h"

namespace minnow {

struct SidecarContent {
  RowSet rows;
  RowLists lists;
  int64_t last_key = 0;
};

// Whether a file can be made at `path`: asked before rows are sorted for it, which takes long.
// Errors as WriteSidecar's.
Status CheckSidecarPlace(const std::string& path);

// The file replaces `path` as a whole, or nothing happens. kCorrupt: a row cannot be read; errors
// of the system name `path`. pool: the caller's own, or null.
Status WriteSidecar(const ScanKernels& kernels, const Rotation& rotation,
                    const SidecarContent& content, const SidecarIdentity& identity,
                    const std::string& path, ThreadPool* pool);

}  // namespace minnow
