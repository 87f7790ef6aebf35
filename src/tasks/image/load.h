// SPDX-License-Identifier: Apache-2.0
// ImageLoad: what the jobs that make pictures have under way, and the steps that they made.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace minnow {

struct ImageLoad {
  std::atomic<uint64_t> steps{0};        // of denoising since the start, as they are made
  std::atomic<size_t> running{0};        // requests that have begun
  std::atomic<size_t> planned_bytes{0};  // of those
};

}  // namespace minnow
