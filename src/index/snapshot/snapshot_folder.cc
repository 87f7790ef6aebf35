// SPDX-License-Identifier: Apache-2.0
#include "index/snapshot/snapshot_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/mapped_file.h"
#include "base/system_error.h"
#include "formats/atomic_file.h"
#include "formats/xxh64.h"
#include "index/store/store_files.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDrafts = ".writing";
constexpr size_t kReadBytes = size_t{16} << 20;  // hashed, then given back, at a time

// Makes what a path names durable: a file's bytes, or a folder's names.
Status Sync(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError(path, "cannot open");
  Status status;
  // Some file systems cannot sync folders.
  if (::fsync(descriptor) != 0 && errno != EINVAL) status = SystemError(path, "cannot sync");
  ::close(descriptor);
  return status;
}

// Calls visit(name) for each entry; nothing where the folder cannot be read.
void ForEachName(const std::string& folder, const std::function<void(const std::string&)>& visit) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    visit(it->path().filename().string());
  }
}

}  // namespace

Result<SnapshotFolder> SnapshotFolder::Open(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error)) {
    return Error{Code::kInvalidArgument,
                 path +
                     ": is a file; a snapshot is a folder (one file of a store is what minnow "
                     "index backup makes)"};
  }
  fs::create_directories(path, error);
  const int lock = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return SystemError(path, "cannot open");
  SnapshotFolder folder(path, lock);
  // Where folders cannot be locked (some network file systems), that there is one writer is up to
  // whoever starts it.
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(std::exchange(folder.lock_, -1));  // the drafts are another's
    return Error{Code::kOverloaded, path + ": another process writes a snapshot there"};
  }
  MINNOW_RETURN_IF_ERROR(
      CheckReplaceable(folder.File(kManifestName), "manifest of a snapshot", 0, kManifestBegins));
  fs::remove_all(folder.File(kDrafts), error);
  fs::create_directory(folder.File(kDrafts), error);
  if (error) {
    return Error{Code::kInternal, path + ": cannot be written: " + error.message()};
  }
  return folder;
}

SnapshotFolder::~SnapshotFolder() {
  if (lock_ < 0) return;
  std::error_code ignored;
  fs::remove_all(File(kDrafts), ignored);
  ::close(lock_);
}

std::string SnapshotFolder::Draft(const std::string& name) const {
  return File(kDrafts) + "/" + name;
}

Status SnapshotFolder::Adopt(const std::string& draft, const std::string& name) const {
  MINNOW_RETURN_IF_ERROR(Sync(draft));
  if (::rename(draft.c_str(), File(name).c_str()) != 0) {
    return SystemError(File(name), "cannot rename");
  }
  return Sync(path_);
}

Status SnapshotFolder::Publish(std::string_view manifest) const {
  MINNOW_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(File(kManifestName)));
  MINNOW_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(manifest))));
  return file.Commit();
}

void SnapshotFolder::RemoveOthers(const std::string& present, const std::string& served,
                                  size_t keep) const {
  std::vector<std::string> names;
  std::vector<std::pair<fs::file_time_type, std::string>> stores;
  std::error_code error;
  ForEachName(path_, [&](const std::string& name) {
    const bool used = name.starts_with(present) || (!served.empty() && name.starts_with(served));
    if (GenerationOfName(name) == 0 || used) return;
    names.push_back(name);
    if (name.ends_with(".db")) stores.emplace_back(fs::last_write_time(File(name), error), name);
  });
  std::sort(stores.begin(), stores.end(), std::greater<>());
  if (stores.size() > keep) stores.resize(keep);
  for (const std::string& name : names) {
    const bool kept = std::any_of(stores.begin(), stores.end(), [&name](const auto& other) {
      return name.starts_with(other.second);
    });
    if (!kept) fs::remove(File(name), error);
  }
}

int64_t SnapshotFolder::LastGeneration() const {
  int64_t last = 0;
  ForEachName(path_,
              [&last](const std::string& name) { last = std::max(last, GenerationOfName(name)); });
  return last;
}

Result<std::string> ReadManifest(const std::string& folder) {
  return ReadSmallFile(folder + "/" + kManifestName, kMaxManifestBytes);
}

Status CheckSums(const SnapshotFile& file, uint64_t bytes, uint64_t checksum) {
  if (bytes != file.bytes) {
    return Error{Code::kCorrupt, std::to_string(bytes) + " bytes, where the manifest says " +
                                     std::to_string(file.bytes)};
  }
  if (checksum == file.checksum) return {};
  return Error{Code::kCorrupt, "its checksum is not the manifest's"};
}

Status CheckSnapshotFile(const std::string& path, const SnapshotFile& file,
                         const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(path));
  const std::span<const std::byte> bytes = mapped.bytes();
  Xxh64 checksum;
  // Of another size it need not be read.
  for (size_t at = 0; at < bytes.size() && bytes.size() == file.bytes; at += kReadBytes) {
    if (progress && !progress(at, bytes.size())) {
      return Error{Code::kDeadline, path + ": stopped"};
    }
    const auto part = bytes.subspan(at, std::min(kReadBytes, bytes.size() - at));
    checksum.Update(part);
    mapped.Release(part);
  }
  Status status = CheckSums(file, bytes.size(), checksum.Digest());
  if (!status.ok()) return Annotate(std::move(status).error(), path);
  return {};
}

Status CheckSnapshot(const std::string& folder, const SnapshotManifest& manifest,
                     const Progress& progress) {
  for (const SnapshotFile& file : manifest.files) {
    MINNOW_RETURN_IF_ERROR(CheckSnapshotFile(folder + "/" + file.name, file, progress));
  }
  return {};
}

Result<std::unique_ptr<Store>> OpenSnapshot(const std::string& folder,
                                            const SnapshotManifest& manifest) {
  BundledStore snapshot;
  snapshot.path = folder + "/" + manifest.store().name;
  snapshot.store.bytes = manifest.store().bytes;
  snapshot.beside = true;
  for (const SnapshotIndex& index : manifest.indexes) {
    const std::string name = SidecarPath(manifest.store().name, index.id);
    for (const SnapshotFile& file : manifest.files) {
      if (file.name == name) snapshot.sidecars[index.id].bytes = file.bytes;
    }
  }
  return Store::OpenBundled(snapshot);
}

}  // namespace minnow
