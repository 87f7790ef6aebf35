// SPDX-License-Identifier: Apache-2.0
// The ceiling holds, and sizes are read as people write them.
#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace minnow {
namespace {

TEST(MemoryBudget, TakesUpToItsLimit) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.Take(60));
  EXPECT_FALSE(budget.Take(41));
  EXPECT_FALSE(budget.Take(SIZE_MAX));
  EXPECT_EQ(budget.used(), 60u);
  EXPECT_TRUE(budget.Take(40));
  budget.Give(60);
  budget.TakeAnyway(100);
  EXPECT_EQ(budget.used(), 140u);
  EXPECT_FALSE(budget.Take(1));
  EXPECT_FALSE(budget.Take(0));
  budget.Give(140);
  budget.SetHeld(70);
  EXPECT_TRUE(budget.Take(30));
  EXPECT_FALSE(budget.Take(1));
  budget.SetHeld(200);
  EXPECT_FALSE(budget.Take(0));
}

TEST(MemoryShare, IsGivenBackOnce) {
  const auto budget = std::make_shared<MemoryBudget>(100);
  {
    MemoryShare share(budget);
    EXPECT_TRUE(share.Take(60));
    EXPECT_FALSE(share.Take(50));
    share.TakeAnyway(50);
    EXPECT_EQ(budget->used(), 110u);
    MemoryShare other = std::move(share);
    EXPECT_EQ(other.bytes(), 110u);
    EXPECT_EQ(budget->used(), 110u);
    other = MemoryShare(budget);
    EXPECT_EQ(budget->used(), 0u);
    EXPECT_TRUE(other.Take(1));
  }
  EXPECT_EQ(budget->used(), 0u);
  MemoryShare none;
  EXPECT_TRUE(none.Take(SIZE_MAX));
}

TEST(MemoryBudget, HoldsForManyThreads) {
  MemoryBudget budget(10);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) taken += budget.Take(1) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 10);
}

TEST(ParseByteSize, ReadsSuffixesAndRefusesNonsense) {
  EXPECT_EQ(ParseByteSize("1073741824").value(), size_t{1} << 30);
  EXPECT_EQ(ParseByteSize("512k").value(), size_t{512} << 10);
  EXPECT_EQ(ParseByteSize("400M").value(), size_t{400} << 20);
  EXPECT_EQ(ParseByteSize("400MiB").value(), size_t{400} << 20);
  EXPECT_EQ(ParseByteSize("2GB").value(), size_t{2} << 30);
  EXPECT_EQ(ParseByteSize("1T").value(), size_t{1} << 40);
  for (const char* text : {"", "0", "-1", "x", "4X", "M", "4 M", "1.5G", "4MM", "99999999999T",
                           "99999999999999999999"}) {
    EXPECT_FALSE(ParseByteSize(text).ok()) << text;
  }
}

}  // namespace
}  // namespace minnow
