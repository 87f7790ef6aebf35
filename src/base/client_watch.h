// SPDX-License-Identifier: Apache-2.0
// ClientWatch: whether whoever asked is still there.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

namespace minnow {

// Tells work in progress that the client of its request has left, so that it may be dropped.
// Thread-safe.
class ClientWatch {
 public:
  bool gone() const { return gone_.load(std::memory_order_relaxed); }
  // `callback` runs once the client has left: later on the I/O thread, or now if it has. One at a
  // time; it must be quick.
  void OnGone(std::function<void()> callback);
  void MarkGone();

 private:
  std::atomic<bool> gone_{false};
  std::mutex mutex_;
  std::function<void()> callback_;  // guarded by mutex_
};

}  // namespace minnow
