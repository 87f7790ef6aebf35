// SPDX-License-Identifier: Apache-2.0
// FailingMemory: while it lives, operator new throws std::bad_alloc on the thread that made it.
#pragma once

#include <cstddef>

namespace minnow {

class FailingMemory {
 public:
  // A sanitizer has its own operator new: nothing fails or counts there, and tests skip.
  static bool Works();
  // How often any thread has called operator new so far; where it works.
  static size_t Allocations();

  FailingMemory();
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;
};

}  // namespace minnow
