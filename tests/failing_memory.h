// SPDX-License-Identifier: Apache-2.0
// FailingMemory: while it lives, operator new throws std::bad_alloc on the thread that made it.
#pragma once

namespace minnow {

class FailingMemory {
 public:
  // A sanitizer has its own operator new: nothing fails there, and tests skip.
  static bool Works();

  FailingMemory();
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;
};

}  // namespace minnow
