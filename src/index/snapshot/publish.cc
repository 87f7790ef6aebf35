// SPDX-License-Identifier: Apache-2.0
// A copy of the store is made where nobody looks, brought up to date, closed, hashed and named.
#include "index/snapshot/publish.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/mapped_file.h"
#include "formats/xxh64.h"
#include "index/snapshot/snapshot_folder.h"
#include "index/sqlite/sqlite.h"
#include "index/store/store_files.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "minnow " MINNOW_VERSION;

int64_t NowUnixMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Result<std::vector<SnapshotIndex>> Describe(const Store& store) {
  std::vector<SnapshotIndex> indexes;
  for (const auto& index : store.Indexes()) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    SnapshotIndex& described = indexes.emplace_back();
    described.id = index->id();
    described.name = index->name();
    described.made_unix_ms = stats.created_at_ms;
    MINNOW_ASSIGN_OR_RETURN(described.changes, index->Generation());
    described.documents = static_cast<int64_t>(stats.documents);
    described.passages = static_cast<int64_t>(stats.chunks);
    described.waiting = static_cast<int64_t>(stats.pending_chunks);
    described.model = stats.model;
  }
  return indexes;
}

// What is published now, where that can be read.
std::optional<SnapshotManifest> PresentManifest(const SnapshotFolder& folder) {
  const auto text = ReadManifest(folder.path());
  if (!text.ok()) return std::nullopt;
  auto present = ParseManifest(*text, kManifestName);
  if (!present.ok()) return std::nullopt;
  return std::move(*present);
}

// Whether the present manifest says what would be published, and its files are there.
bool IsSame(const SnapshotManifest& present, const SnapshotFolder& folder, const Store& store) {
  const auto indexes = Describe(store);
  if (!indexes.ok() || present.program != kProgram || present.indexes != *indexes) return false;
  return std::all_of(present.files.begin(), present.files.end(), [&](const SnapshotFile& file) {
    std::error_code error;
    return fs::file_size(folder.File(file.name), error) == file.bytes && !error;
  });
}

// Sidecars as they lie beside the store: what of them fits the copy need not be made again.
void CopySidecars(const Store& store, const std::string& copy) {
  for (const auto& index : store.Indexes()) {
    std::error_code ignored;
    fs::copy_file(SidecarPath(store.path(), index->id()), SidecarPath(copy, index->id()), ignored);
  }
}

// Saves what sidecars the copy lacks, and leaves one file a part, without a log.
Result<std::vector<SnapshotIndex>> Complete(const std::string& copy) {
  std::vector<SnapshotIndex> indexes;
  {
    StoreOptions options;
    options.create = false;
    MINNOW_ASSIGN_OR_RETURN(const auto store, Store::Open(copy, options));
    MINNOW_RETURN_IF_ERROR(store->RunMaintenance(/*at_end=*/true));
    MINNOW_ASSIGN_OR_RETURN(indexes, Describe(*store));
  }
  MINNOW_ASSIGN_OR_RETURN(const auto database, Database::Open(copy, {}));
  MINNOW_ASSIGN_OR_RETURN(const std::string mode,
                          database->QueryText("PRAGMA journal_mode=DELETE"));
  if (mode != "delete") return Error{Code::kInternal, copy + ": journal mode is " + mode};
  return indexes;
}

Result<SnapshotFile> Measure(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Xxh64 checksum;
  checksum.Update(file.bytes());
  return SnapshotFile{{}, file.bytes().size(), checksum.Digest()};
}

}  // namespace

Result<PublishedSnapshot> PublishSnapshot(const Store& store, const std::string& path, size_t keep,
                                          const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const SnapshotFolder folder, SnapshotFolder::Open(path));
  std::optional<SnapshotManifest> present = PresentManifest(folder);
  if (present && IsSame(*present, folder, store)) {
    return PublishedSnapshot{std::move(*present), true};
  }
  // The oldest goes first: a disk that is full would refuse all that follow.
  if (present) folder.RemoveOthers(present->store().name, {}, std::max<size_t>(keep, 1) - 1);
  const std::string copy = folder.Draft("store.db");
  MINNOW_RETURN_IF_ERROR(store.Backup(copy, progress));
  CopySidecars(store, copy);
  SnapshotManifest manifest;
  MINNOW_ASSIGN_OR_RETURN(manifest.indexes, Complete(copy));
  manifest.generation = folder.LastGeneration() + 1;
  if (present) manifest.generation = std::max(manifest.generation, present->generation + 1);
  manifest.program = kProgram;
  MINNOW_ASSIGN_OR_RETURN(SnapshotFile file, Measure(copy));
  file.name = SnapshotStoreName(manifest.generation, file.checksum);
  manifest.files.push_back(file);
  const std::string name = file.name;
  for (const SnapshotIndex& index : manifest.indexes) {
    const std::string sidecar = SidecarPath(copy, index.id);
    std::error_code error;
    if (!fs::exists(sidecar, error)) continue;
    MINNOW_ASSIGN_OR_RETURN(file, Measure(sidecar));
    file.name = SidecarPath(name, index.id);
    MINNOW_RETURN_IF_ERROR(folder.Adopt(sidecar, file.name));
    manifest.files.push_back(file);
  }
  MINNOW_RETURN_IF_ERROR(folder.Adopt(copy, name));
  manifest.created_unix_ms = NowUnixMs();
  MINNOW_RETURN_IF_ERROR(folder.Publish(WriteManifest(manifest)));
  folder.RemoveOthers(name, {}, keep);
  return PublishedSnapshot{std::move(manifest), false};
}

}  // namespace minnow
