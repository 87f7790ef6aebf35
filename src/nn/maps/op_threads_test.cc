// SPDX-License-Identifier: Apache-2.0
// Every part of every task runs once, in order, whoever comes and however often turns end.
#include "nn/maps/op_threads.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace minnow {
namespace {

constexpr size_t kTasks = 37;
constexpr size_t kParts = 9;
using Parts = std::array<std::vector<size_t>, kTasks>;

class OpThreadsOfSize : public ::testing::TestWithParam<int> {};

void ExpectAllOnce(const Parts& parts) {
  for (const std::vector<size_t>& of_task : parts) {
    ASSERT_EQ(of_task.size(), kParts);
    for (size_t i = 0; i < kParts; ++i) EXPECT_EQ(of_task[i], i);
  }
}

TEST_P(OpThreadsOfSize, GoOnInTheNextTurn) {
  ThreadPool pool(GetParam());
  for (const bool with_turns : {false, true}) {
    int turns = 0;
    const std::function<void()> yield = [&turns] { ++turns; };
    OpThreads threads(&pool, nullptr, with_turns ? &yield : nullptr);
    threads.SetTurn(std::chrono::nanoseconds(0));  // over before it begins
    Parts parts;
    threads.RunLong(kTasks, [&](size_t, size_t task, TaskTurn& turn) {
      return RunParts(turn, 0, kParts, nullptr, [&](size_t part) { parts[task].push_back(part); });
    });
    ExpectAllOnce(parts);
    EXPECT_EQ(turns > 0, with_turns);
  }
}

// More threads than the machine has cores at work beside: members come late, or not at all.
TEST_P(OpThreadsOfSize, OnBusyCores) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> neighbours;
  for (int i = 0; i < 4; ++i) {
    neighbours.emplace_back([&stop] {
      while (!stop) {
      }
    });
  }
  ThreadPool pool(GetParam());
  OpThreads threads(&pool, nullptr, nullptr);
  for (int round = 0; round < 200; ++round) {
    Parts parts;
    threads.RunLong(kTasks, [&](size_t, size_t task, TaskTurn& turn) {
      return RunParts(turn, 0, kParts, nullptr, [&](size_t part) { parts[task].push_back(part); });
    });
    ExpectAllOnce(parts);
  }
  stop = true;
  for (std::thread& neighbour : neighbours) neighbour.join();
}

INSTANTIATE_TEST_SUITE_P(Sizes, OpThreadsOfSize, ::testing::Values(1, 2, 4));

}  // namespace
}  // namespace minnow
