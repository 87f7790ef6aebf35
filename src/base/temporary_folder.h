// SPDX-License-Identifier: Apache-2.0
// TemporaryFolder: a folder of this process, removed with what is in it; where the process was
// killed, when the next one makes such a folder. Any thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/result.h"

namespace minnow {

class TemporaryFolder {
 public:
  // In $TMPDIR, /tmp, /var/tmp or /dev/shm, where it can be made first. kInternal: nowhere.
  static Result<std::unique_ptr<TemporaryFolder>> Make();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

  // For a process that ends without destructors: removes what folders there are, and lets no more
  // be made.
  static void RemoveAll();

 private:
  TemporaryFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  const std::string path_;
  const int lock_;  // a descriptor, locked while the process lives
};

}  // namespace minnow
