// SPDX-License-Identifier: Apache-2.0
// ReplicaStatus: which generation of a snapshot is served, and what became of looking for a newer
// one: for probes and metrics. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace minnow {

class ReplicaStatus {
 public:
  struct View {
    int64_t generation = 0;  // 0: none yet
    int64_t created_unix_ms = 0;
    uint64_t failures = 0;  // refreshes that came to nothing
    std::string problem;    // of the last refresh; empty: it was fine
  };

  View Get() const {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  void SetServed(int64_t generation, int64_t created_unix_ms) {
    const std::lock_guard lock(mutex_);
    view_.generation = generation;
    view_.created_unix_ms = created_unix_ms;
  }
  // True: it is another problem than that of the refresh before.
  bool SetProblem(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    view_.failures += problem.empty() ? 0 : 1;
    const bool other = view_.problem != problem;
    view_.problem = problem;
    return other;
  }

 private:
  mutable std::mutex mutex_;
  View view_;  // guarded by mutex_
};

}  // namespace minnow
