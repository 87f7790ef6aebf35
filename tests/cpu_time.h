// SPDX-License-Identifier: Apache-2.0
// Time that a test computes: unlike a clock, a busy machine does not make it longer.
#pragma once

#include <chrono>
#include <ctime>

namespace minnow {

// Of the calling thread, since it began.
inline std::chrono::nanoseconds ThreadCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace minnow
