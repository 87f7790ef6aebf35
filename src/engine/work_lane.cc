// SPDX-License-Identifier: Apache-2.0
// The threads of a lane.
#include "engine/work_lane.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

namespace minnow {
namespace {

constexpr int kBackgroundNice = 10;

}  // namespace

// Linux keeps the nice value for each thread. Failure costs nothing but the order of threads.
void GiveWay() {
  const auto id = static_cast<id_t>(::syscall(SYS_gettid));
  // More than others of the process, however nice that is itself.
  const int nice = ::getpriority(PRIO_PROCESS, id) + kBackgroundNice;
  [[maybe_unused]] const int result = ::setpriority(PRIO_PROCESS, id, nice);
}

Result<std::unique_ptr<WorkLane>> WorkLane::Start(const WorkLaneOptions& options) {
  std::unique_ptr<WorkLane> lane(new WorkLane(options));
  try {
    for (int i = 0; i < std::max(options.threads, 1); ++i) {
      lane->threads_.emplace_back([l = lane.get()] { l->Loop(); });
    }
  } catch (const std::system_error& error) {
    return Error{Code::kInternal, std::string("cannot start a thread: ") + error.what()};
  }
  return lane;
}

WorkLane::~WorkLane() { Stop(); }

Status WorkLane::Submit(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{Code::kOverloaded, "shutting down"};
    if (waiting_.size() >= options_.max_waiting) {
      return Error{Code::kOverloaded,
                   "queue full: " + std::to_string(waiting_.size()) + " requests waiting"};
    }
    waiting_.push_back(std::move(work));
  }
  wanted_.notify_one();
  return {};
}

void WorkLane::Loop() {
  if (options_.background) GiveWay();
  std::unique_lock lock(mutex_);
  while (true) {
    wanted_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    lock.unlock();
    try {
      work();
    } catch (const std::exception&) {
      // Whoever waits for it is told by what the work lets go of.
    }
    work = nullptr;  // before it counts as done
    lock.lock();
    --running_;
  }
}

void WorkLane::Stop() {
  std::deque<Work> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
  }
  wanted_.notify_all();
  dropped.clear();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

size_t WorkLane::load() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + running_;
}

}  // namespace minnow
