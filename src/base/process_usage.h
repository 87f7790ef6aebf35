// SPDX-License-Identifier: Apache-2.0
// What this process has of the machine.
#pragma once

#include <cstdint>

namespace minnow {

// Memory and processor time of this process so far; 0 where the system does not tell.
struct ProcessUsage {
  uint64_t resident_bytes = 0;
  uint64_t private_bytes = 0;  // of those, what is of no file and cannot be dropped
  double cpu_seconds = 0;
};
ProcessUsage ReadProcessUsage();

}  // namespace minnow
