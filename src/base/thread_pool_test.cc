// SPDX-License-Identifier: Apache-2.0
// Rounds run once on every member, the barrier holds, and an idle pool uses no CPU.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/cpu.h"

namespace minnow {
namespace {

double ProcessCpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class ThreadPoolOfSize : public ::testing::TestWithParam<int> {};

TEST_P(ThreadPoolOfSize, RunsEveryMemberOnceARound) {
  ThreadPool pool(GetParam());
  ASSERT_EQ(pool.size(), GetParam());
  std::vector<int> calls(static_cast<size_t>(pool.size()),
                         0);  // not atomic: each member has its own
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    pool.Run([&](int member) { ++calls[static_cast<size_t>(member)]; });
  }
  for (const int count : calls) EXPECT_EQ(count, kRounds);
}

// Whoever comes takes part, nobody twice; rounds of both kinds may follow each other at once, while
// a member of the round before is still on its way.
TEST_P(ThreadPoolOfSize, SharesWorkWithWhoComes) {
  ThreadPool pool(GetParam());
  const size_t members = static_cast<size_t>(pool.size());
  std::vector<int> done(64), all_calls(members);  // not atomic: one writer each
  int rounds_of_all = 0;
  for (int round = 0; round < 2000; ++round) {
    std::atomic<size_t> next{0};
    std::vector<int> entered(members);
    pool.RunWithWhoComes([&](int member) {
      ++entered[static_cast<size_t>(member)];
      for (size_t task = next++; task < done.size(); task = next++) ++done[task];
    });
    ASSERT_EQ(entered[0], 1);
    for (const int times : entered) ASSERT_LE(times, 1);
    if (round % 3 != 0) continue;
    ++rounds_of_all;
    pool.Run([&](int member) {
      ++all_calls[static_cast<size_t>(member)];
      pool.barrier().Wait();
    });
  }
  for (const int times : done) EXPECT_EQ(times, 2000);
  for (const int times : all_calls) EXPECT_EQ(times, rounds_of_all);
}

TEST_P(ThreadPoolOfSize, BarrierSeparatesSteps) {
  ThreadPool pool(GetParam());
  const size_t members = static_cast<size_t>(pool.size());
  std::vector<int> left(members, 0), right(members, 0);
  std::atomic<int> wrong{0};
  for (int round = 0; round < 200; ++round) {
    pool.Run([&](int member) {
      for (int step = 0; step < 5; ++step) {
        left[static_cast<size_t>(member)] = round + step;
        pool.barrier().Wait();
        // Everybody reads everybody: a data race, and a wrong value, unless the barrier holds.
        int sum = 0;
        for (const int value : left) sum += value;
        if (sum != (round + step) * pool.size()) ++wrong;
        right[static_cast<size_t>(member)] = sum;
        pool.barrier().Wait();
      }
    });
  }
  EXPECT_EQ(wrong, 0);
}

TEST_P(ThreadPoolOfSize, WakesFromSleep) {
  ThreadPool pool(GetParam());
  std::atomic<int> calls{0};
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // longer than any spin
    pool.Run([&](int) { ++calls; });
    EXPECT_EQ(calls, (round + 1) * pool.size());
  }
}

TEST_P(ThreadPoolOfSize, StopsWithoutARound) { ThreadPool pool(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolOfSize, ::testing::Values(1, 2, 3, 8));

TEST(ThreadPool, WaitsForSlowMembers) {
  ThreadPool pool(3);
  std::vector<int> done(3, 0);
  pool.Run([&](int member) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5 * member));
    done[static_cast<size_t>(member)] = 1;
  });
  EXPECT_EQ(done, std::vector<int>({1, 1, 1}));
}

TEST(ThreadPool, ManyPoolsSideBySide) {
  std::vector<std::thread> callers;
  std::atomic<int> calls{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      ThreadPool pool(2);
      for (int round = 0; round < 300; ++round) pool.Run([&](int) { ++calls; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(calls, 4 * 300 * 2);
}

TEST(ThreadPool, IdleUsesNoCpu) {
  ThreadPool pool(8);
  pool.Run([](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double before = ProcessCpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // One thread that spins would use 0.3.
  EXPECT_LT(ProcessCpuSeconds() - before, 0.1);
}

// Gives the calling thread its processors back.
class AffinityGuard {
 public:
  AffinityGuard() { CHECK(sched_getaffinity(0, sizeof before_, &before_) == 0); }
  ~AffinityGuard() { (void)sched_setaffinity(0, sizeof before_, &before_); }
  const cpu_set_t& before() const { return before_; }

 private:
  cpu_set_t before_;
};

// Where they start is a matter of speed (bench/RESULTS.md); that they are bound to nothing
// afterwards, even where the caller waits for them in vain, is one of not standing still.
TEST(ThreadPool, ThreadsMayRunAnywhereOnceTheyHaveStarted) {
  const AffinityGuard guard;
  const cpu_set_t& all = guard.before();
  if (CPU_COUNT(&all) < 2 || Cpu().usable_cores() < 2) GTEST_SKIP() << "one processor";
  ThreadPool pool(2);
  int tried = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && tried < 3; ++cpu) {
    if (!CPU_ISSET(cpu, &all)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the other one falls asleep
    pid_t thread = 0;
    pool.Run([&](int member) {
      if (member == 1) thread = gettid();
      pool.barrier().Wait();
    });
    // Asked only now: the caller may let it go a moment after it has started.
    cpu_set_t of_member;
    CPU_ZERO(&of_member);
    ASSERT_EQ(sched_getaffinity(thread, sizeof of_member, &of_member), 0);
    EXPECT_TRUE(CPU_EQUAL(&of_member, &all)) << cpu;
    ++tried;
  }
  EXPECT_GE(tried, 2);
}

// As `taskset -ap` and a change of the cpuset do.
TEST(ThreadPool, ThreadsStayWhereTheyWereMovedLater) {
  const AffinityGuard guard;
  if (CPU_COUNT(&guard.before()) < 2 || Cpu().usable_cores() < 2) GTEST_SKIP() << "one processor";
  ThreadPool pool(2);
  pid_t thread = 0;
  pool.Run([&](int member) {
    if (member == 1) thread = gettid();
  });
  int tried = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && tried < 3; ++cpu) {
    if (!CPU_ISSET(cpu, &guard.before())) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(thread, sizeof one, &one), 0);
    for (int round = 0; round < 3; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it falls asleep
      cpu_set_t of_member;
      CPU_ZERO(&of_member);
      pool.Run([&](int member) {
        if (member == 1) (void)sched_getaffinity(0, sizeof of_member, &of_member);
      });
      EXPECT_TRUE(CPU_EQUAL(&of_member, &one)) << cpu;
    }
    ++tried;
  }
}

TEST(ThreadPool, IsSmallerWhereThreadsAreRefused) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need the address space that this test limits";
#endif
  // Stacks of 8 MiB each: some fit, not all.
  const rlimit small{size_t{512} << 20, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  {
    ThreadPool pool(1000);
    EXPECT_GE(pool.size(), 1);
    EXPECT_LT(pool.size(), 1000);
    std::atomic<int> calls{0};
    pool.Run([&](int) {
      ++calls;
      pool.barrier().Wait();
    });
    EXPECT_EQ(calls, pool.size());
  }
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
}

}  // namespace
}  // namespace minnow
