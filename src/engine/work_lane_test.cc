// SPDX-License-Identifier: Apache-2.0
// Tests of work lanes: order, bounds, exceptions, the end.
#include "engine/work_lane.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <vector>

#include "tests/await.h"

namespace minnow {
namespace {

std::unique_ptr<WorkLane> StartLane(const WorkLaneOptions& options) {
  auto lane = WorkLane::Start(options);
  EXPECT_TRUE(lane.ok());
  return std::move(lane).value();
}

TEST(WorkLane, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  std::promise<void> done;
  const auto lane = StartLane({});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(lane->Submit([&order, i] { order.push_back(i); }).ok());
  }
  ASSERT_TRUE(lane->Submit([&done] { done.set_value(); }).ok());
  Await(done, "the last work");
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkLane, ThreadsRunBesideEachOther) {
  std::promise<void> first;
  std::promise<void> second;
  std::promise<void> met;
  const auto lane = StartLane({.threads = 2});
  // Each waits for the other.
  const auto one = [&] {
    first.set_value();
    Await(second, "the second work");
    met.set_value();
  };
  const auto other = [&] {
    Await(first, "the first work");
    second.set_value();
  };
  ASSERT_TRUE(lane->Submit(one).ok());
  ASSERT_TRUE(lane->Submit(other).ok());
  // Before the lane stops, which may drop what has not begun.
  Await(met, "both");
}

TEST(WorkLane, RefusesAboveItsBound) {
  std::promise<void> begun;
  std::promise<void> go;
  const auto lane = StartLane({.max_waiting = 2});
  ASSERT_TRUE(lane->Submit([&] { begun.set_value(), Await(go, "go"); }).ok());
  Await(begun, "the work to begin");
  EXPECT_TRUE(lane->Submit([] {}).ok());
  EXPECT_TRUE(lane->Submit([] {}).ok());
  EXPECT_EQ(lane->load(), 3u);
  const Status refused = lane->Submit([] {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  go.set_value();
}

TEST(WorkLane, AnExceptionEndsTheWorkOnly) {
  std::promise<void> done;
  const auto lane = StartLane({});
  ASSERT_TRUE(lane->Submit([] { throw std::bad_alloc(); }).ok());
  ASSERT_TRUE(lane->Submit([&done] { done.set_value(); }).ok());
  Await(done, "the last work");
}

TEST(WorkLane, StopFinishesWhatRunsAndDropsWhatWaits) {
  std::promise<void> begun;
  std::promise<void> go;
  bool finished = false;
  bool ran = false;
  auto held = std::make_shared<int>(1);
  auto lane = StartLane({});
  ASSERT_TRUE(lane->Submit([&] { begun.set_value(), Await(go, "go"), finished = true; }).ok());
  Await(begun, "the work to begin");
  ASSERT_TRUE(lane->Submit([&ran, held] { ran = true; }).ok());
  std::thread stopper([&lane] { lane->Stop(); });
  // What waits is let go of while the other work still runs.
  AwaitUntil([&] { return held.use_count() == 1; }, "the waiting work to be dropped");
  go.set_value();
  stopper.join();
  EXPECT_TRUE(finished);
  EXPECT_FALSE(ran);
  EXPECT_FALSE(lane->Submit([] {}).ok());
  lane->Stop();
}

TEST(WorkLane, BackgroundThreadsAreNice) {
  const auto nice_of = [](bool background) {
    std::promise<int> nice;
    const auto lane = StartLane({.background = background});
    const Status status = lane->Submit([&nice] {
      nice.set_value(::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid))));
    });
    EXPECT_TRUE(status.ok());
    return Await(nice, "the nice value");
  };
  const int normal = nice_of(false);
  EXPECT_EQ(normal, ::getpriority(PRIO_PROCESS, 0));
  EXPECT_GE(nice_of(true), normal);
}

}  // namespace
}  // namespace minnow
