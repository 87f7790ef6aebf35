// SPDX-License-Identifier: Apache-2.0
// WorkLane: a few threads behind a bounded queue, for work that waits for disks or takes long:
// searches, writes, what goes on in the background.
//
// Submit may be called from any thread. Knows nothing of the work.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace minnow {

// The calling thread, and those that it starts from now on, run on the time that others leave.
void GiveWay();

struct WorkLaneOptions {
  int threads = 1;
  size_t max_waiting = 256;  // beside what runs; above: refused
  bool background = false;   // runs on the time that other threads leave
};

class WorkLane {
 public:
  using Work = std::function<void()>;

  // kInternal when no thread is to be had.
  static Result<std::unique_ptr<WorkLane>> Start(const WorkLaneOptions& options);
  // Stops.
  ~WorkLane();
  WorkLane(const WorkLane&) = delete;
  WorkLane& operator=(const WorkLane&) = delete;

  // Runs `work` later on one of the lane's threads; work that was taken may be dropped without
  // being run, by Stop. kOverloaded: it will not run. An exception (out of memory) ends the work,
  // not the lane.
  Status Submit(Work work);

  // Refuses what is new, drops what waits, lets what runs finish, joins the threads. Idempotent;
  // not from work.
  void Stop();

  // Work that waits or runs.
  size_t load() const;

 private:
  explicit WorkLane(const WorkLaneOptions& options) : options_(options) {}
  void Loop();

  const WorkLaneOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<Work> waiting_;  // guarded by mutex_, as is all below
  size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace minnow
