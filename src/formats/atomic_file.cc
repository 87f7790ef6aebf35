// SPDX-License-Identifier: Apache-2.0
// A file without a name, fsync, link, rename.
#include "formats/atomic_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <string_view>

#include "base/names_beside.h"
#include "base/system_error.h"

namespace minnow {
namespace {

// Between a file's name and its digits: no name that people give, who date copies of a .minnow
// file.
constexpr const char* kMark = ".minnow-tmp-";
constexpr size_t kDigits = 16;

// Holds a file while its descriptor is open, against RemoveLeftovers alone: the byte is beyond all
// that SQLite locks in a file of its own. False: somebody else holds it.
bool Hold(int descriptor) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = off_t{1} << 62;
  lock.l_len = 1;
  return ::fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
}

// A new file under that name, held; negative, with errno EEXIST where another should be tried.
int OpenHeld(const char* name, mode_t mode) {
  const int file = ::open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
  if (file < 0) return file;
  const bool held = Hold(file) || (errno != EAGAIN && errno != EACCES);
  struct stat info;
  if (held && ::fstat(file, &info) == 0 && info.st_nlink > 0) return file;
  // Taken for a leftover before it was held.
  ::close(file);
  errno = EEXIST;
  return -1;
}

// Calls make(name) with names beside `path` until one was free; its result. Sets `name`.
template <class Make>
int WithFreeName(const std::string& path, std::string* name, const Make& make) {
  constexpr int kTries = 100;
  int result = -1;
  for (int i = 0; i < kTries; ++i) {
    uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return -1;
    char digits[kDigits + 1];
    std::snprintf(digits, sizeof digits, "%016" PRIx64, number);
    *name = path + kMark + digits;
    result = make(name->c_str());
    if (result >= 0 || errno != EEXIST) break;
  }
  return result;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

// A name is durable once its folder is. Folders that may be written but not read cannot be synced,
// nor those of some file systems.
Status SyncFolder(const std::string& path) {
  const int folder = ::open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno == EACCES ? Status() : SystemError(path, "cannot open its folder");
  Status status;
  if (::fsync(folder) != 0 && errno != EINVAL) status = SystemError(path, "cannot sync its folder");
  ::close(folder);
  return status;
}

// A file without a name in the folder of `path`; negative where there can be none, or none that
// could be given a name.
int OpenNameless(const std::string& path, mode_t mode) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  return ::open(FolderOf(path).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
}

// put(bytes): writes the first of them; as ::write.
template <class Put>
Status WriteAll(const std::string& path, std::span<const std::byte> bytes, const Put& put) {
  while (!bytes.empty()) {
    const ssize_t written = put(bytes);
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return SystemError(path, "cannot write");
    }
  }
  return {};
}

}  // namespace

void RemoveLeftovers(const std::string& path) {
  for (const std::string& rest : NamesBeside(path)) {
    const std::string_view mark = kMark;
    if (rest.size() != mark.size() + kDigits || !rest.starts_with(mark)) continue;
    if (rest.find_first_not_of("0123456789abcdef", mark.size()) != rest.npos) continue;
    const std::string name = path + rest;
    const int file = ::open(name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    if (Hold(file)) ::unlink(name.c_str());
    ::close(file);
  }
}

Status CheckReplaceable(const std::string& path, const char* what, size_t offset,
                        std::string_view begins) {
  struct stat there;
  if (::stat(path.c_str(), &there) != 0 || !S_ISREG(there.st_mode) || there.st_size == 0) return {};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  char begin[32] = {};
  const ssize_t size = ::pread(file, begin, sizeof begin, 0);
  ::close(file);
  const std::string_view head(begin, size > 0 ? static_cast<size_t>(size) : 0);
  if (head.size() > offset && head.substr(offset).starts_with(begins)) return {};
  return Error{Code::kInvalidArgument,
               path + ": is there and is no " + what + "; remove it first, or give another name"};
}

Result<AtomicFile> AtomicFile::Create(const std::string& path, Mode mode, bool nameless) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Error{Code::kInvalidArgument, path + ": is there and is not a regular file"};
  const mode_t usual = mode == Mode::kProgram ? 0777 : 0666;
  RemoveLeftovers(path);
  std::string temporary;
  int descriptor = nameless ? OpenNameless(path, usual) : -1;
  if (descriptor >= 0) {
    (void)Hold(descriptor);  // for the moment between its first name and its own
  } else {
    descriptor =
        WithFreeName(path, &temporary, [&](const char* name) { return OpenHeld(name, usual); });
  }
  if (descriptor < 0) return SystemError(path, "cannot create a file beside it");
  return AtomicFile(path, temporary, descriptor);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  return WriteAll(path_, bytes, [&](std::span<const std::byte> rest) {
    return ::write(descriptor_, rest.data(), rest.size());
  });
}

Status AtomicFile::WriteAt(uint64_t offset, std::span<const std::byte> bytes) {
  return WriteAll(path_, bytes, [&](std::span<const std::byte> rest) {
    const uint64_t at = offset + (bytes.size() - rest.size());
    return ::pwrite(descriptor_, rest.data(), rest.size(), static_cast<off_t>(at));
  });
}

Status AtomicFile::Commit() {
  if (::fsync(descriptor_) != 0) return SystemError(path_, "cannot write");
  if (temporary_.empty()) {
    // A link cannot replace a file; a rename can.
    const std::string self = "/proc/self/fd/" + std::to_string(descriptor_);
    std::string name;
    const int linked = WithFreeName(path_, &name, [&](const char* free) {
      return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, free, AT_SYMLINK_FOLLOW);
    });
    if (linked != 0) return SystemError(path_, "cannot name");
    temporary_ = name;
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError(path_, "cannot rename");
  temporary_.clear();
  return SyncFolder(path_);
}

}  // namespace minnow
