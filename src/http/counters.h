// SPDX-License-Identifier: Apache-2.0
// ServerCounters: what a server has seen so far. Written by its I/O thread, read by any.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace minnow::http {

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

// One answered request, for a log.
struct AnsweredRequest {
  std::string method;
  std::string path;   // as sent, without the query
  std::string trace;  // W3C traceparent, where the client sent a valid one
  int status = 0;
  size_t body_bytes = 0;             // of the answer, as sent
  std::chrono::nanoseconds took{0};  // from the complete header to the last byte handed over
};

}  // namespace minnow::http
