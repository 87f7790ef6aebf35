// SPDX-License-Identifier: Apache-2.0
// Temporary file, fsync, rename.
#include "formats/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace minnow {
namespace {

Error SystemError(const std::string& path, const char* what) {
  const int number = errno;
  const Code code = number == ENOENT || number == ENOTDIR ? Code::kNotFound : Code::kInternal;
  return Error{code, path + ": " + what + ": " + std::strerror(number)};
}

}  // namespace

Result<AtomicFile> AtomicFile::Create(const std::string& path, Mode mode) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Error{Code::kInvalidArgument, path + ": is there and is not a regular file"};
  std::string temporary = path + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) return SystemError(path, "cannot create a file beside it");
  AtomicFile file(path, temporary, descriptor);
  // mkostemp makes files that only their owner reads; the usual mode depends on the umask.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const mode_t usual = mode == Mode::kProgram ? 0777 : 0666;
  if (::fchmod(descriptor, usual & ~mask) != 0) return SystemError(path, "cannot set its mode");
  return file;
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return SystemError(path_, "cannot write");
    }
  }
  return {};
}

Status AtomicFile::WriteAt(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
    } else if (errno != EINTR) {
      return SystemError(path_, "cannot write");
    }
  }
  return {};
}

Status AtomicFile::Commit() {
  if (::fsync(descriptor_) != 0) return SystemError(path_, "cannot write");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError(path_, "cannot rename");
  temporary_.clear();
  return {};
}

}  // namespace minnow
