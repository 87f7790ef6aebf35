// SPDX-License-Identifier: Apache-2.0
#include "base/temporary_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

namespace minnow {
namespace {

struct Folders {
  std::mutex mutex;
  std::set<std::string> paths;  // guarded by mutex
  bool closed = false;          // guarded by mutex
};

// Never destroyed: other threads may still run when the process ends.
Folders& AllFolders() {
  static Folders* const folders = new Folders;
  return *folders;
}

void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Make() {
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  if (folders.closed) return Error{Code::kInternal, "the program is ending"};
  const char* own = std::getenv("TMPDIR");
  for (const char* parent : {own, "/tmp", "/var/tmp", "/dev/shm"}) {
    if (parent == nullptr || *parent == '\0') continue;
    std::string path = std::string(parent) + "/minnow-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) continue;
    folders.paths.insert(path);
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
  }
  return Error{Code::kInternal,
               "no folder for temporary files: none of $TMPDIR, /tmp, /var/tmp, /dev/shm can be "
               "written to"};
}

TemporaryFolder::~TemporaryFolder() {
  Remove(path_);
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  folders.paths.erase(path_);
}

void TemporaryFolder::RemoveAll() {
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  folders.closed = true;
  for (const std::string& path : folders.paths) Remove(path);
}

}  // namespace minnow
