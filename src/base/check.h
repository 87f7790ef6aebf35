// SPDX-License-Identifier: Apache-2.0
// CHECK: for what can only fail when the program itself is wrong. Never reachable from input.
#pragma once

namespace minnow {
// Prints the place and the condition, then aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace minnow

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) ::minnow::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
