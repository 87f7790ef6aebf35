// SPDX-License-Identifier: Apache-2.0
#include "base/temporary_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "minnow-tmp-";
constexpr std::time_t kYoungSeconds = 60;  // its process may not have locked it yet

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
  fs::remove_all(path, ignored);
}

// The folder's lock; -1: it is no folder, or a living process has it.
int Lock(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0 || ::flock(folder, LOCK_EX | LOCK_NB) == 0) return folder;
  ::close(folder);
  return -1;
}

// Removes what processes of this user left that were killed.
void RemoveAbandoned(const std::string& parent) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    const std::string path = it->path().string();
    struct stat info;
    if (!it->path().filename().string().starts_with(kPrefix) || ::lstat(path.c_str(), &info) != 0 ||
        info.st_uid != ::geteuid() || std::time(nullptr) - info.st_mtime < kYoungSeconds) {
      continue;
    }
    const int lock = Lock(path);
    if (lock < 0) continue;
    Remove(path);
    ::close(lock);
  }
}

}  // namespace

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Make() {
  Folders& folders = AllFolders();
  const std::lock_guard lock(folders.mutex);
  if (folders.closed) return Error{Code::kInternal, "the program is ending"};
  const char* own = std::getenv("TMPDIR");
  for (const char* parent : {own, "/tmp", "/var/tmp", "/dev/shm"}) {
    if (parent == nullptr || *parent == '\0') continue;
    RemoveAbandoned(parent);
    std::string path = std::string(parent) + "/" + kPrefix + "XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) continue;
    folders.paths.insert(path);
    const int lock = Lock(path);
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path), lock));
  }
  return Error{Code::kInternal,
               "no folder for temporary files: none of $TMPDIR, /tmp, /var/tmp, /dev/shm can be "
               "written to"};
}

TemporaryFolder::~TemporaryFolder() {
  Remove(path_);
  if (lock_ >= 0) ::close(lock_);
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
