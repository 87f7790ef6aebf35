// SPDX-License-Identifier: Apache-2.0
// A SQLite file system whose files are bytes in memory: how a store is read from inside the
// program's own file. Read-only.
#pragma once

#include <memory>
#include <string>

#include "base/mapped_file.h"
#include "base/result.h"

namespace minnow {

// While it lives, SQLite finds the bytes of a mapped file under name(). Thread-safe.
class BytesFile {
 public:
  explicit BytesFile(MappedFile file);
  ~BytesFile();
  BytesFile(const BytesFile&) = delete;
  BytesFile& operator=(const BytesFile&) = delete;

  // For DatabaseOptions::vfs, and the path to open there.
  static const std::string& vfs();
  const std::string& name() const { return name_; }

 private:
  MappedFile file_;
  std::string name_;
};

}  // namespace minnow
