// SPDX-License-Identifier: Apache-2.0
// mmap and read, with errors that name the path.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace minnow {
namespace {

Error SystemError(const std::string& path, const char* what) {
  const int number = errno;
  const Code code = number == ENOENT || number == ENOTDIR ? Code::kNotFound : Code::kInternal;
  return Error{code, path + ": " + what + ": " + std::strerror(number)};
}

// Closes the descriptor when it leaves its scope.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Result<size_t> RegularFileSize(int fd, const std::string& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return SystemError(path, "cannot stat");
  if (!S_ISREG(info.st_mode)) return Error{Code::kInvalidArgument, path + ": not a regular file"};
  return static_cast<size_t>(info.st_size);
}

}  // namespace

// O_NONBLOCK below: opening a FIFO would wait for its writer, before we could see that it is no
// regular file.

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return SystemError(path, "cannot open");
  MINNOW_ASSIGN_OR_RETURN(const size_t size, RegularFileSize(file.fd, path));
  return Map(file.fd, path, 0, size);
}

Result<MappedFile> MappedFile::OpenRange(const std::string& path, uint64_t offset, uint64_t size) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return SystemError(path, "cannot open");
  MINNOW_ASSIGN_OR_RETURN(const size_t file_size, RegularFileSize(file.fd, path));
  if (offset > file_size || size > file_size - offset) {
    return Error{Code::kCorrupt, path + ": " + std::to_string(size) + " bytes at " +
                                     std::to_string(offset) + " are beyond the end of the file"};
  }
  return Map(file.fd, path, offset, size);
}

Result<MappedFile> MappedFile::Map(int fd, const std::string& path, uint64_t offset, size_t size) {
  if (size == 0) return MappedFile(path, nullptr, 0, 0);
  const size_t skipped = offset % static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  void* data = ::mmap(nullptr, size + skipped, PROT_READ, MAP_SHARED, fd,
                      static_cast<off_t>(offset - skipped));
  if (data == MAP_FAILED) return SystemError(path, "cannot map");
  return MappedFile(path, static_cast<const std::byte*>(data) + skipped, size, skipped);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      skipped_(std::exchange(other.skipped_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(skipped_, other.skipped_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_ - skipped_), size_ + skipped_);
}

void MappedFile::Release(std::span<const std::byte> range) const {
  if (range.empty()) return;
  CHECK(range.data() >= data_ && range.data() + range.size() <= data_ + size_);
  const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Inwards to whole pages: neighbours of the range keep theirs.
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(range.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(range.data() + range.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Result<std::string> ReadSmallFile(const std::string& path, size_t limit_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return SystemError(path, "cannot open");
  MINNOW_ASSIGN_OR_RETURN(const size_t size, RegularFileSize(file.fd, path));
  if (size > limit_bytes) {
    return Error{Code::kInvalidArgument, path + ": " + std::to_string(size) + " bytes, limit " +
                                             std::to_string(limit_bytes)};
  }
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(file.fd, text.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path, "cannot read");
    if (n == 0) break;  // the file shrank while it was read
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

}  // namespace minnow
