// SPDX-License-Identifier: Apache-2.0
// ServiceStatus: whether the server is loading, ready, draining or broken, for probes and for
// requests that come too early. Any thread.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace minnow {

enum class ServiceState { kLoading, kReady, kDraining, kFailed };

class ServiceStatus {
 public:
  struct Snapshot {
    ServiceState state = ServiceState::kLoading;
    std::string message;  // why it failed
  };

  Snapshot Get() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Set(ServiceState state, std::string message = {}) {
    const std::lock_guard lock(mutex_);
    now_ = {state, std::move(message)};
  }
  // Everything is loaded; a server that drains already goes on draining.
  void SetReady() {
    const std::lock_guard lock(mutex_);
    if (now_.state == ServiceState::kLoading) now_.state = ServiceState::kReady;
  }

 private:
  mutable std::mutex mutex_;
  Snapshot now_;
};

}  // namespace minnow
