// SPDX-License-Identifier: Apache-2.0
// A file mapped read-only into memory.
//
// Pages are shared between processes and read from disk at first touch. The mapping lives as long
// as the object; moving the object does not move the bytes. Safe to read from any thread. A file
// that another process cuts short while it is mapped raises SIGBUS on access: our files are
// replaced by rename, never cut in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace minnow {

// The running program's own file.
inline constexpr const char* kThisProgram = "/proc/self/exe";
// What messages call a file: its path, and the running program as it was started.
std::string ShownPath(const std::string& path);

class MappedFile {
 public:
  // Fails with kNotFound, kInvalidArgument (not a regular file) or kInternal; the message names the
  // path.
  static Result<MappedFile> Open(const std::string& path);

  // Maps `size` bytes from `offset` on. Fails also with kCorrupt where the file ends before.
  static Result<MappedFile> OpenRange(const std::string& path, uint64_t offset, uint64_t size);

  // Constant data of the running program, which lies in its file too. Messages call it `name`.
  static MappedFile OfProgram(std::span<const std::byte> bytes, const std::string& name);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // As ShownPath has it.
  const std::string& path() const { return path_; }

  // Copies the bytes from `offset` on without making their pages resident: for what is read here
  // and there in a large file. False: the range is not inside the file, or cannot be read.
  bool ReadAt(uint64_t offset, std::span<std::byte> out) const;

  // Tells the kernel that the pages of `range` will not be needed soon, so that they leave our
  // resident set. The bytes stay readable (they come back from the page cache).
  void Release(std::span<const std::byte> range) const;

 private:
  explicit MappedFile(const std::string& path) : path_(ShownPath(path)) {}
  // Takes the descriptor over.
  static Result<MappedFile> Map(int descriptor, const std::string& path, uint64_t offset,
                                size_t size);

  std::string path_;
  int descriptor_ = -1;  // -1: data of the program, or moved from
  uint64_t offset_ = 0;  // in the file, of data_
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t skipped_ = 0;  // bytes that are mapped before data_: a mapping starts at a page
};

// Reads a whole small file. Fails with kNotFound, or kInvalidArgument above `limit_bytes` (both are
// named).
Result<std::string> ReadSmallFile(const std::string& path, size_t limit_bytes);

}  // namespace minnow
