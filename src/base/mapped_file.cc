// SPDX-License-Identifier: Apache-2.0
// mmap and read, with errors that name the path.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/system_error.h"

namespace minnow {
namespace {

// A file opened for reading; closed when it leaves its scope.
struct ReadableFile {
  int fd = -1;
  size_t size = 0;

  ReadableFile() = default;
  ReadableFile(ReadableFile&& other) noexcept : fd(std::exchange(other.fd, -1)), size(other.size) {}
  int Release() { return std::exchange(fd, -1); }
  ~ReadableFile() {
    if (fd >= 0) ::close(fd);
  }
};

// What can be opened: in a bare chroot there is no /proc, and the program is found by the path that
// it was started by.
const char* OpenablePath(const std::string& path) {
  if (path != kThisProgram || ::access(kThisProgram, F_OK) == 0) return path.c_str();
  const auto* started = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return started != nullptr ? started : kThisProgram;
}

Result<ReadableFile> OpenRegular(const std::string& path) {
  const char* openable = OpenablePath(path);
  struct stat info;
  // Looked at before it is opened: opening a pipe would wait for whoever writes to it.
  if (::stat(openable, &info) != 0) return SystemError(ShownPath(path), "cannot open");
  if (!S_ISREG(info.st_mode)) return Error{Code::kInvalidArgument, path + ": not a regular file"};
  ReadableFile file;
  file.fd = ::open(openable, O_RDONLY | O_CLOEXEC);
  if (file.fd < 0) return SystemError(ShownPath(path), "cannot open");
  if (::fstat(file.fd, &info) != 0) return SystemError(path, "cannot stat");
  file.size = static_cast<size_t>(info.st_size);
  return file;
}

}  // namespace

std::string ShownPath(const std::string& path) {
  return path == kThisProgram ? program_invocation_name : path;
}

Result<MappedFile> MappedFile::Open(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(ReadableFile file, OpenRegular(path));
  return Map(file.Release(), path, 0, file.size);
}

Result<MappedFile> MappedFile::OpenRange(const std::string& path, uint64_t offset, uint64_t size) {
  MINNOW_ASSIGN_OR_RETURN(ReadableFile file, OpenRegular(path));
  if (offset > file.size || size > file.size - offset) {
    return Error{Code::kCorrupt, ShownPath(path) + ": " + std::to_string(size) + " bytes at " +
                                     std::to_string(offset) + " are beyond the end of the file"};
  }
  return Map(file.Release(), path, offset, size);
}

Result<MappedFile> MappedFile::Map(int descriptor, const std::string& path, uint64_t offset,
                                   size_t size) {
  MappedFile file(path);
  file.descriptor_ = descriptor;
  file.offset_ = offset;
  if (size == 0) return file;
  const size_t skipped = offset % static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  void* data = ::mmap(nullptr, size + skipped, PROT_READ, MAP_SHARED, descriptor,
                      static_cast<off_t>(offset - skipped));
  if (data == MAP_FAILED) return SystemError(path, "cannot map");
  file.data_ = static_cast<const std::byte*>(data) + skipped;
  file.size_ = size;
  file.skipped_ = skipped;
  return file;
}

MappedFile MappedFile::OfProgram(std::span<const std::byte> bytes, const std::string& name) {
  MappedFile file(name);
  file.data_ = bytes.data();
  file.size_ = bytes.size();
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(offset_, other.offset_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(skipped_, other.skipped_);
  return *this;
}

MappedFile::~MappedFile() {
  if (descriptor_ < 0) return;
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_ - skipped_), size_ + skipped_);
  ::close(descriptor_);
}

bool MappedFile::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  if (descriptor_ < 0) {
    if (!out.empty()) std::memcpy(out.data(), data_ + offset, out.size());
    return true;
  }
  while (!out.empty()) {
    const ssize_t n =
        ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset_ + offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;  // cut short since it was mapped
    out = out.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return true;
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
  MINNOW_ASSIGN_OR_RETURN(const ReadableFile file, OpenRegular(path));
  const size_t size = file.size;
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
