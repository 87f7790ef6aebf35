// SPDX-License-Identifier: Apache-2.0
// ThreadPool: a fixed team of threads that run one function together and meet at its end.
//
// One caller at a time; the caller works too, as member 0. Threads wait by a short spin, then by
// futex, so an idle pool uses no CPU. Nothing here allocates after construction.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace minnow {

// Words that different threads write stand this far apart.
inline constexpr size_t kSharingBytes = 64;

// A counter that threads wait on: a bounded spin first, then a sleep in the kernel. Publish costs a
// system call only when somebody sleeps.
class alignas(kSharingBytes) WaitCounter {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }
  // Adds one and wakes all who wait. What was written before it is seen by those who return from
  // Wait.
  void Advance();
  // Returns once the value is no longer `old`. `spin_us` bounds the spin; 0: sleep at once.
  void WaitWhile(uint32_t old, int spin_us) {
    if (!Spin(old, spin_us)) Sleep(old);
  }
  // The two parts of WaitWhile; false: the value is still `old`.
  bool Spin(uint32_t old, int spin_us);
  void Sleep(uint32_t old);
  bool somebody_sleeps() const { return sleepers_.load(std::memory_order_relaxed) > 0; }

 private:
  std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

// A meeting point for the members of one Run: nobody leaves Wait before all have come. Reusable.
// What a member wrote before Wait is seen by all members after it.
class ThreadPool;
class SpinBarrier {
 public:
  explicit SpinBarrier(int members, ThreadPool* pool = nullptr);
  void Wait();

 private:
  friend class ThreadPool;
  ThreadPool* const pool_;  // whose members meet here; null: others
  int members_;
  int spin_us_;
  alignas(kSharingBytes) std::atomic<int> arrived_{0};
  WaitCounter phase_;
};

class ThreadPool {
 public:
  // `threads` >= 1 counts the caller: a pool of one starts no thread. Where the system refuses a
  // thread (a limit on processes), the pool is smaller than asked for.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }

  // Calls body(member) once for each member in [0, size()), and returns when all have returned.
  // `body` must not throw, nor call Run of the same pool.
  template <class Body>
  void Run(const Body& body) {
    RunErased(Call<Body>, &body, /*all=*/true);
  }

  // The same for work that the members share out among themselves as they come: calls body(0), and
  // body(member) of those that begin before it returns. A member without a processor, where others
  // keep the cores busy, is not waited for. `body` must not meet at barrier().
  template <class Body>
  void RunWithWhoComes(const Body& body) {
    RunErased(Call<Body>, &body, /*all=*/false);
  }

  // The meeting point of the Run in progress: every member must call it the same number of times.
  SpinBarrier& barrier() { return barrier_; }

 private:
  using Function = void (*)(const void* context, int member);
  template <class Body>
  static void Call(const void* context, int member) {
    (*static_cast<const Body*>(context))(member);
  }
  void RunErased(Function function, const void* context, bool all);
  void ThreadMain(int member);
  bool Enter(uint32_t round);
  void Leave();
  friend class SpinBarrier;
  // Threads that are about to be woken start on another processor than the caller's. Once they run,
  // or the caller waits for them in vain, they may run again where they could before.
  void StartBesideCaller();
  void LetRunAnywhere();
  void LetRunAnywhere(size_t thread);

  const int idle_spin_us_;
  const int round_spin_us_;
  const bool fewer_than_cores_;
  // Of each thread, while it is kept off: where it could run before, and where it may now.
  struct Processors {
    cpu_set_t before;
    cpu_set_t now;
  };
  std::vector<Processors> processors_;
  std::atomic<int> kept_off_{0};  // threads that are kept from the caller's processor
  int size_ = 1;
  SpinBarrier barrier_;
  // Written by the caller before it advances round_, read by the members after.
  Function function_ = nullptr;
  const void* context_ = nullptr;
  std::atomic<bool> stop_{false};
  WaitCounter round_;  // advances when a round starts
  // The round in progress: its number, whether members may still enter it, whether all belong to it
  // from its start, and how many other than the caller are in it (thread_pool.cc).
  alignas(kSharingBytes) std::atomic<uint64_t> gate_{0};
  WaitCounter finished_;  // advances when the last of them leaves a round that nobody may enter
  std::vector<std::thread> threads_;
};

// For work that may have a pool: on each of its members, or here, as member 0, where there is none.
template <class Body>
void RunOn(ThreadPool* pool, const Body& body) {
  if (pool != nullptr) {
    pool->Run(body);
  } else {
    body(0);
  }
}
inline size_t MembersOf(const ThreadPool* pool) {
  return pool != nullptr ? static_cast<size_t>(pool->size()) : 1;
}

}  // namespace minnow
