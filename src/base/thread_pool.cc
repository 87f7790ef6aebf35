// SPDX-License-Identifier: Apache-2.0
// Rounds, the barrier, and how a thread waits.
#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <system_error>

#include "base/check.h"
#include "base/cpu.h"

namespace minnow {
namespace {

// Between rounds: long enough for the next layer of a model to start, too short to show in a
// process list.
constexpr int kIdleSpinUs = 50;
// Inside a round the others are at work and will come: sleeping costs more than their lag, unless
// one was preempted.
constexpr int kRoundSpinUs = 200;
constexpr auto kYieldAfter = std::chrono::microseconds(20);
constexpr int kPausesPerClock = 16;

// Of ThreadPool::gate_; the number of the round stands above, members are counted below.
constexpr uint64_t kOpen = uint64_t{1} << 31;
constexpr uint64_t kAll = uint64_t{1} << 30;
constexpr int kRoundShift = 32;
constexpr uint64_t kMembers = kAll - 1;

// More threads than cores: whoever spins keeps another from arriving.
int RoundSpinUs(int members) { return members <= Cpu().usable_cores() ? kRoundSpinUs : 0; }
int IdleSpinUs(int members) { return members <= Cpu().usable_cores() ? kIdleSpinUs : 0; }

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

uint32_t* FutexWord(std::atomic<uint32_t>& value) {
  static_assert(sizeof(value) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  return reinterpret_cast<uint32_t*>(&value);
}

}  // namespace

void WaitCounter::Advance() {
  // Sequentially consistent with the two operations on sleepers_: either we see the sleeper, or the
  // kernel sees the new value when the sleeper asks to sleep.
  value_.fetch_add(1);
  if (sleepers_.load() == 0) return;
  ::syscall(SYS_futex, FutexWord(value_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

bool WaitCounter::Spin(uint32_t old, int spin_us) {
  if (value() != old) return true;
  if (spin_us == 0) return false;
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::microseconds(spin_us);
  for (auto now = begin; now < end; now = Clock::now()) {
    // Whom we wait for may be without a core, because of us or of another process: give ours
    // away, but stay ready.
    if (now - begin > kYieldAfter) ::sched_yield();
    // Reading the clock costs about as much as one pause, so it is read now and then.
    for (int i = 0; i < kPausesPerClock; ++i) {
      if (value() != old) return true;
      Pause();
    }
  }
  return false;
}

void WaitCounter::Sleep(uint32_t old) {
  sleepers_.fetch_add(1);
  while (value_.load() == old) {
    ::syscall(SYS_futex, FutexWord(value_), FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
  }
  sleepers_.fetch_sub(1);
}

SpinBarrier::SpinBarrier(int members, ThreadPool* pool)
    : pool_(pool), members_(members), spin_us_(RoundSpinUs(members)) {}

void SpinBarrier::Wait() {
  if (members_ == 1) return;
  const uint32_t phase = phase_.value();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    // The others are waiting for the phase, so nobody else touches the count.
    arrived_.store(0, std::memory_order_relaxed);
    phase_.Advance();
  } else if (!phase_.Spin(phase, spin_us_)) {
    if (pool_ != nullptr) pool_->LetRunAnywhere();
    phase_.Sleep(phase);
  }
}

ThreadPool::ThreadPool(int threads)
    : idle_spin_us_(IdleSpinUs(threads)),
      round_spin_us_(RoundSpinUs(threads)),
      fewer_than_cores_(threads <= Cpu().usable_cores()),
      processors_(static_cast<size_t>(threads - 1)),
      barrier_(threads, this) {
  CHECK(threads >= 1);
  threads_.reserve(static_cast<size_t>(threads - 1));
  for (int member = 1; member < threads; ++member) {
    try {
      threads_.emplace_back([this, member] { ThreadMain(member); });
    } catch (const std::system_error&) {
      break;
    }
  }
  size_ = static_cast<int>(threads_.size()) + 1;
  barrier_.members_ = size_;
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  round_.Advance();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::RunErased(Function function, const void* context, bool all) {
  if (size_ == 1) {
    function(context, 0);
    return;
  }
  StartBesideCaller();
  function_ = function;
  context_ = context;
  const uint64_t number = uint64_t{round_.value() + 1} << kRoundShift;
  const auto others = static_cast<uint64_t>(size_ - 1);
  const uint32_t finished = finished_.value();
  gate_.store(number | (all ? kAll | others : kOpen), std::memory_order_release);
  round_.Advance();
  function(context, 0);
  if (!all) {
    const uint64_t gate = gate_.fetch_and(~kOpen, std::memory_order_acq_rel);
    LetRunAnywhere();  // whoever has not come takes no part
    if ((gate & kMembers) == 0) return;
  }
  if (finished_.Spin(finished, round_spin_us_)) return;
  LetRunAnywhere();
  finished_.Sleep(finished);
}

// False: that round is over or goes on without this member.
bool ThreadPool::Enter(uint32_t round) {
  uint64_t gate = gate_.load(std::memory_order_acquire);
  while (gate >> kRoundShift == round) {
    if ((gate & kAll) != 0) return true;
    if ((gate & kOpen) == 0) return false;
    if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

void ThreadPool::Leave() {
  const uint64_t gate = gate_.fetch_sub(1, std::memory_order_acq_rel);
  if ((gate & kMembers) == 1 && (gate & kOpen) == 0) finished_.Advance();
}

// A request wakes one thread after the other: while the one that took it is still going to sleep on
// its own processor, the kernel finds no idle one for ours and queues it behind the caller, who
// then waits for it: a round takes as long as alone, in half of the cases on two processors.
void ThreadPool::StartBesideCaller() {
  if (!fewer_than_cores_ || !round_.somebody_sleeps()) return;
  const int here = ::sched_getcpu();
  if (here < 0 || here >= CPU_SETSIZE) return;
  for (size_t i = 0; i < threads_.size(); ++i) {
    Processors& of = processors_[i];
    const pthread_t thread = threads_[i].native_handle();
    // Asked each time: whoever runs the process may have moved it since.
    if (::pthread_getaffinity_np(thread, sizeof of.before, &of.before) != 0) CPU_ZERO(&of.before);
    of.now = of.before;
    CPU_CLR(here, &of.now);
    if (CPU_COUNT(&of.now) == 0 || CPU_EQUAL(&of.now, &of.before) ||
        ::pthread_setaffinity_np(thread, sizeof of.now, &of.now) != 0) {
      of.now = of.before;
    }
  }
  kept_off_.store(size_ - 1, std::memory_order_relaxed);
}

void ThreadPool::LetRunAnywhere() {
  if (kept_off_.exchange(0, std::memory_order_relaxed) == 0) return;
  for (size_t i = 0; i < threads_.size(); ++i) LetRunAnywhere(i);
}

void ThreadPool::LetRunAnywhere(size_t thread) {
  const Processors& of = processors_[thread];
  if (CPU_EQUAL(&of.now, &of.before)) return;
  const pthread_t handle = threads_[thread].native_handle();
  // Unless somebody else has moved it meanwhile.
  cpu_set_t is;
  if (::pthread_getaffinity_np(handle, sizeof is, &is) != 0 || !CPU_EQUAL(&is, &of.now)) return;
  (void)::pthread_setaffinity_np(handle, sizeof of.before, &of.before);
}

void ThreadPool::ThreadMain(int member) {
  // Rounds start after the constructor, so that the first one is 1, however late this thread
  // starts.
  for (uint32_t round = 0;;) {
    round_.WaitWhile(round, idle_spin_us_);
    round = round_.value();
    if (stop_) return;
    if (!Enter(round)) continue;
    // Each for itself: it has started where it should.
    if (kept_off_.load(std::memory_order_relaxed) > 0) {
      kept_off_.fetch_sub(1, std::memory_order_relaxed);
      LetRunAnywhere(static_cast<size_t>(member - 1));
    }
    function_(context_, member);
    Leave();
  }
}

}  // namespace minnow
