// SPDX-License-Identifier: Apache-2.0
// GenerateLoad: what the jobs that generate text have under way, and the tokens that they made.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace minnow {

struct GenerateLoad {
  std::atomic<uint64_t> new_tokens{0};  // since the start, as they are made
  std::atomic<size_t> running{0};       // inputs that have a cache
  std::atomic<size_t> cache_bytes{0};   // of those
};

}  // namespace minnow
