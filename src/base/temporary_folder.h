// SPDX-License-Identifier: Apache-2.0
// TemporaryFolder: a folder of this process, removed with what is in it. Any thread.
#pragma once

#include <memory>
#include <string>

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
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace minnow
