// SPDX-License-Identifier: Apache-2.0
// SnapshotFolder: the folder of a snapshot as its writer, or who mirrors it, fills it: a file takes
// its name once it is complete and on disk, the manifest last. And what readers of it share.
//
// One thread. Calls block.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "index/snapshot/manifest.h"
#include "index/store/store.h"

namespace minnow {

class SnapshotFolder {
 public:
  // Makes it where there is none, and removes what a writer left that was killed. kOverloaded:
  // another process writes there; kInvalidArgument: what stands there is no snapshot; kInternal.
  static Result<SnapshotFolder> Open(const std::string& path);
  SnapshotFolder(SnapshotFolder&& other) noexcept
      : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
  SnapshotFolder& operator=(SnapshotFolder&&) = delete;
  // Removes all drafts.
  ~SnapshotFolder();

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Where a file may be made that nobody reads yet.
  std::string Draft(const std::string& name) const;
  // The draft takes its name, and is on disk under it.
  Status Adopt(const std::string& draft, const std::string& name) const;
  // All files that the manifest names are there: it is the present one once this returns ok.
  Status Publish(std::string_view manifest) const;
  // Removes files of other generations than those of the stores `present` and `served` (empty:
  // none), but for the `keep` of them whose stores were written last. What cannot be removed stays.
  void RemoveOthers(const std::string& present, const std::string& served, size_t keep) const;
  // The highest number in the names of files; 0: there is none.
  int64_t LastGeneration() const;

 private:
  SnapshotFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
};

// The manifest of the folder, not looked into. kNotFound: there is none.
Result<std::string> ReadManifest(const std::string& folder);

// Whether a file of that size and checksum is what the manifest says; kCorrupt.
Status CheckSums(const SnapshotFile& file, uint64_t bytes, uint64_t checksum);
// The same of a file, which is read. Fails also with kNotFound; kDeadline: `progress` said so.
Status CheckSnapshotFile(const std::string& path, const SnapshotFile& file,
                         const Progress& progress);
// The same of all files that the manifest names.
Status CheckSnapshot(const std::string& folder, const SnapshotManifest& manifest,
                     const Progress& progress);

// A generation whose files were checked, mapped where it lies. It is only read, and nothing is made
// beside it; its files may lose their names meanwhile. Fails as Store::Open does.
Result<std::unique_ptr<Store>> OpenSnapshot(const std::string& folder,
                                            const SnapshotManifest& manifest);

}  // namespace minnow
