// SPDX-License-Identifier: Apache-2.0
// ThreadPool: a fixed team of threads that run one function together and meet at its end.
//
// One caller at a time; the caller works too, as member 0. Threads wait by a short spin, then by futex, so an idle pool
// uses no CPU. Nothing here allocates after construction.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace minnow {

// A meeting point for the members of one Run: nobody leaves Wait before all have come. Reusable.
class SpinBarrier {
 public:
  explicit SpinBarrier(int members) : members_(members) {}
  void Wait();

 private:
  const int members_;
  std::atomic<int> arrived_{0};
  std::atomic<uint32_t> phase_{0};
};

class ThreadPool {
 public:
  // `threads` >= 1 counts the caller: a pool of one starts no thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }

  // Calls body(member) once for each member in [0, size()), and returns when all have returned. `body` must not throw.
  template <class Body>
  void Run(const Body& body) {
    RunErased([](const void* context, int member) { (*static_cast<const Body*>(context))(member); }, &body);
  }

  // The meeting point of the Run in progress: every member must call it the same number of times.
  SpinBarrier& barrier() { return barrier_; }

 private:
  using Function = void (*)(const void* context, int member);
  void RunErased(Function function, const void* context);
  void ThreadMain(int member);

  const int size_;
  SpinBarrier barrier_;
  Function function_ = nullptr;
  const void* context_ = nullptr;
  std::atomic<uint32_t> generation_{0};  // a new value starts a round
  std::atomic<int> running_{0};          // members other than the caller still in the round
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace minnow
