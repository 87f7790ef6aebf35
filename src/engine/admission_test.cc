// SPDX-License-Identifier: Apache-2.0
// Refusals by count, time and memory; the rate; when to come again.
#include "engine/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace minnow {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class AdmissionTest : public ::testing::Test {
 protected:
  Status Admit(Admission& admission, size_t items, Cost cost = {}, nanoseconds wait = {},
               Priority priority = Priority::kInteractive) {
    return admission.Admit(items, cost, priority, wait, seconds(1), now_);
  }

  std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>(1000);
  const Job::Clock::time_point now_ = Job::Clock::now();
};

TEST_F(AdmissionTest, CountsAreABackstop) {
  Admission admission({.jobs = 3, .items = 10}, memory_);
  EXPECT_TRUE(Admit(admission, 5).ok());
  EXPECT_EQ(Admit(admission, 6).error().code, Code::kOverloaded);
  EXPECT_FALSE(Admit(admission, SIZE_MAX).ok());
  EXPECT_TRUE(Admit(admission, 5).ok());
  EXPECT_FALSE(Admit(admission, 1).ok());
  EXPECT_TRUE(Admit(admission, 0).ok());
  EXPECT_EQ(Admit(admission, 0).error().message, "queue full: 3 requests waiting, limit 3");
  EXPECT_EQ(admission.refusals().count, 4u);
  admission.Release(5, {});
  EXPECT_EQ(admission.load().jobs, 2u);
  EXPECT_TRUE(Admit(admission, 5).ok());
}

TEST_F(AdmissionTest, TakesAHugeJobWhenNothingElseWaits) {
  Admission admission({.jobs = 3, .items = 10}, memory_);
  EXPECT_TRUE(Admit(admission, 1000, {.work = 1u << 30}).ok());
  EXPECT_FALSE(Admit(admission, 1).ok());
  admission.Release(1000, {.work = 1u << 30});
  EXPECT_TRUE(Admit(admission, 1).ok());
}

TEST_F(AdmissionTest, RefusesBeyondTheExpectedWait) {
  Admission admission({.wait = milliseconds(500)}, memory_);
  EXPECT_TRUE(Admit(admission, 1, {.work = 5}, milliseconds(500)).ok());
  const Status refused = Admit(admission, 1, {.work = 5}, milliseconds(501));
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  EXPECT_EQ(refused.error().message, "queue full: expected wait 501 ms, limit 500 ms");
  EXPECT_EQ(admission.refusals().wait, 1u);
  EXPECT_TRUE(Admit(admission, 1, {.work = 5}, seconds(60), Priority::kBulk).ok());
  EXPECT_TRUE(Admit(admission, 0, {}, seconds(60)).ok()) << "it has nothing to compute";
}

TEST_F(AdmissionTest, WhoIsRefusedComesAgainOneAfterTheOther) {
  Admission admission({.wait = milliseconds(500)}, memory_);
  EXPECT_EQ(admission.RetryAfter(now_), seconds(1));
  // A second's work each.
  for (int i = 1; i <= 4; ++i) {
    EXPECT_FALSE(Admit(admission, 1, {.work = 5}, milliseconds(500) + nanoseconds(1)).ok());
    EXPECT_EQ(admission.RetryAfter(now_), seconds(i + 1));
  }
  EXPECT_EQ(admission.RetryAfter(now_ + seconds(3)), seconds(2));
  EXPECT_EQ(admission.RetryAfter(now_ + seconds(60)), seconds(1));
  for (int i = 0; i < 1000; ++i) (void)Admit(admission, 1, {.work = 5}, seconds(60));
  EXPECT_EQ(admission.RetryAfter(now_), seconds(10)) << "nobody is sent away for longer";
}

TEST_F(AdmissionTest, KeepsToTheMemoryCeilingThatAllShare) {
  Admission one({}, memory_), other({}, memory_);
  EXPECT_TRUE(Admit(one, 1, {.bytes = 600}).ok());
  const Status refused = Admit(other, 1, {.bytes = 401});
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  EXPECT_EQ(refused.error().message, "memory full: 600 bytes in use, limit 1000");
  EXPECT_EQ(other.refusals().memory, 1u);
  EXPECT_EQ(other.load().jobs, 0u);
  one.Correct({.bytes = 600}, {.bytes = 100});
  EXPECT_TRUE(Admit(other, 1, {.bytes = 401}).ok());
  one.Release(1, {.bytes = 100});
  other.Release(1, {.bytes = 401});
  EXPECT_EQ(memory_->used(), 0u);
}

TEST(WorkRate, FollowsTheLatestSteps) {
  WorkRate rate(1000);
  EXPECT_FALSE(rate.known());
  EXPECT_GT(rate.TimeOf(1).count(), 0);
  rate.Observe(100, milliseconds(100));
  EXPECT_EQ(rate.TimeOf(10), milliseconds(10));
  // The machine is three times as slow from now on.
  for (int i = 0; i < 100; ++i) rate.Observe(100, milliseconds(300));
  EXPECT_NEAR(std::chrono::duration<double>(rate.TimeOf(10)).count(), 0.03, 0.001);
  // Small steps, which take longer for their work, say little.
  for (int i = 0; i < 10; ++i) rate.Observe(1, milliseconds(6));
  EXPECT_LT(rate.TimeOf(10), milliseconds(33));
}

}  // namespace
}  // namespace minnow
