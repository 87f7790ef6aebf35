// SPDX-License-Identifier: Apache-2.0
#include "base/client_watch.h"

#include <utility>

namespace minnow {

void ClientWatch::OnGone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone()) {
      callback_ = std::move(callback);
      return;
    }
  }
  callback();
}

void ClientWatch::MarkGone() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    gone_.store(true, std::memory_order_relaxed);
    callback = std::move(callback_);
    callback_ = nullptr;
  }
  if (callback) callback();
}

}  // namespace minnow
