// SPDX-License-Identifier: Apache-2.0
// ServerCounters: what a server has seen so far. Written by its I/O thread, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace minnow {

struct ServerCounters {
  static constexpr int kFirstStatus = 100;
  static constexpr size_t kStatuses = 500;

  std::atomic<size_t> open_connections{0};
  std::atomic<uint64_t> accepted_connections{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> received_body_bytes{0};
  std::atomic<uint64_t> sent_bytes{0};                     // heads included
  std::array<std::atomic<uint64_t>, kStatuses> answers{};  // by status - kFirstStatus

  void CountAnswer(int status) {
    const auto index = static_cast<size_t>(status - kFirstStatus);
    if (index < kStatuses) answers[index].fetch_add(1, std::memory_order_relaxed);
  }
};

}  // namespace minnow
