// SPDX-License-Identifier: Apache-2.0
// AtomicFile: a file that appears as a whole under its name, or not at all.
//
// Written without a name, so that nothing stays of it whatever ends the process before Commit; on
// file systems that have no such files, beside its place under another name
// ("my.db.minnow-tmp-0a1b2c3d4e5f6071"), which the destructor removes, or, where the process was
// killed, the next such file of the same place: a lock tells those that somebody still writes. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace minnow {

class AtomicFile {
 public:
  enum class Mode { kData, kProgram };
  // Fails with kNotFound (no such directory), kInvalidArgument (`path` is no regular file) or
  // kInternal; messages name `path`. nameless: false for a file with a temporary name of its own,
  // as on file systems that have no others.
  static Result<AtomicFile> Create(const std::string& path, Mode mode = Mode::kData,
                                   bool nameless = true);
  AtomicFile(AtomicFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status Write(std::span<const std::byte> bytes);
  // Anywhere, also beyond what was written; leaves the place of the next Write alone.
  Status WriteAt(uint64_t offset, std::span<const std::byte> bytes);
  // Its name until Commit, for who writes by name; empty where it has none.
  const std::string& temporary() const { return temporary_; }
  // The file takes its name; what had it before is gone. Durable once it returns ok.
  Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

  std::string path_;
  std::string temporary_;  // its name for now; empty where it has none, or its own
  int descriptor_ = -1;
};

// Refuses (kInvalidArgument) to replace a file at `path` that is not empty and of another kind: a
// slip would cost a file that nobody meant. Those of the kind, `what` ("packed model"), have
// `begins` at `offset`, within the first 32 bytes. OK where there is none, and where it is no file
// or cannot be read, which whoever writes tells.
Status CheckReplaceable(const std::string& path, const char* what, size_t offset,
                        std::string_view begins);

// Removes what killed processes left beside `path`, which the next Create does too. A lock tells
// what is still being written, where locks are those of all machines that share the folder; where
// they do not work at all, everything stays.
void RemoveLeftovers(const std::string& path);

}  // namespace minnow
