// SPDX-License-Identifier: Apache-2.0
// Waits of tests. Each has a bound, long enough for a busy machine: a test that would wait for ever
// fails instead, and says for what. What these cannot reach (a join, a child) is bounded by
// tests/watchdog.cc.
//
// Any thread. Where the bound passes, they throw std::runtime_error, which fails the test that
// runs.
#pragma once

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace minnow {

inline constexpr std::chrono::seconds kAwaitLimit{60};

[[noreturn]] inline void AwaitedInVain(const char* what) {
  throw std::runtime_error("waited " + std::to_string(kAwaitLimit.count()) + " s for: " + what);
}

// The value of `future`.
template <class T>
T Await(std::future<T> future, const char* what) {
  if (future.wait_for(kAwaitLimit) != std::future_status::ready) AwaitedInVain(what);
  return future.get();
}

template <class T>
T Await(std::promise<T>& promise, const char* what) {
  return Await(promise.get_future(), what);
}

// Returns once `condition()` holds.
template <class Condition>
void AwaitUntil(const Condition& condition, const char* what) {
  const auto end = std::chrono::steady_clock::now() + kAwaitLimit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) AwaitedInVain(what);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace minnow
