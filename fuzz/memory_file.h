// SPDX-License-Identifier: Apache-2.0
// MemoryFile: the fuzzer's bytes as a file that has a path and touches no disk.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"

namespace minnow {

class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) { CHECK(descriptor_ >= 0); }
  void Fill(const uint8_t* data, size_t size) const {
    CHECK(::ftruncate(descriptor_, 0) == 0);
    CHECK(::pwrite(descriptor_, data, size, 0) == static_cast<ssize_t>(size));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  const int descriptor_;
};

}  // namespace minnow
