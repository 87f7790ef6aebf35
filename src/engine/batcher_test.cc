// SPDX-License-Identifier: Apache-2.0
// Budgets, turns, priorities, and every way in which a job ends.
#include "engine/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "engine/admission.h"

namespace minnow {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class FakeJob : public Job {
 public:
  size_t expected_items() const override { return 0; }
  size_t expected_tokens() const override { return 0; }
  Result<std::vector<uint32_t>> Prepare() override { return std::vector<uint32_t>(); }
  void Done(Status, const JobTimings&) override {}
};

std::shared_ptr<Ticket> NewTicket(std::vector<uint32_t> costs,
                                  Priority priority = Priority::kInteractive) {
  auto ticket = std::make_shared<Ticket>();
  ticket->job = std::make_shared<FakeJob>();
  ticket->job->priority = priority;
  ticket->costs = std::move(costs);
  return ticket;
}

class BatcherTest : public ::testing::Test {
 protected:
  // The batch as (which ticket, which item).
  std::vector<std::pair<int, int>> Take(Batcher& batcher,
                                        const std::vector<std::shared_ptr<Ticket>>& tickets) {
    batcher.Take(now_, batch_, ended_);
    std::vector<std::pair<int, int>> items;
    for (size_t i = 0; i < batch_.items.size(); ++i) {
      EXPECT_EQ(batch_.items[i].job, batch_.tickets[i]->job.get());
      for (size_t t = 0; t < tickets.size(); ++t) {
        if (tickets[t].get() == batch_.tickets[i]) {
          items.emplace_back(static_cast<int>(t), static_cast<int>(batch_.items[i].index));
        }
      }
    }
    return items;
  }
  void Complete(Batcher& batcher, Status status = {}) {
    batcher.Complete(batch_, status, std::chrono::milliseconds(1), ended_);
  }

  Job::Clock::time_point now_ = Job::Clock::now();
  Batch batch_;
  std::vector<std::shared_ptr<Ticket>> ended_;
};

TEST_F(BatcherTest, KeepsToTheTokenBudgetAndTakesTurns) {
  Batcher batcher(10, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({3, 3, 3, 3}), NewTicket({2})};
  for (const auto& ticket : t) batcher.Add(ticket);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(1, 0), Pair(0, 1)));
  EXPECT_EQ(batch_.tokens, 8u);
  Complete(batcher);
  EXPECT_THAT(ended_, ElementsAre(t[1]));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 2), Pair(0, 3)));
  EXPECT_TRUE(batcher.empty());
  Complete(batcher);
  EXPECT_THAT(ended_, ElementsAre(t[1], t[0]));
  EXPECT_FALSE(t[0]->error.has_value());
  EXPECT_EQ(t[0]->timings.run, std::chrono::milliseconds(2));
}

TEST_F(BatcherTest, KeepsToTheItemLimit) {
  Batcher batcher(1000, 2);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({1, 1, 1})};
  batcher.Add(t[0]);
  EXPECT_THAT(Take(batcher, t), SizeIs(2));
  Complete(batcher);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 2)));
}

TEST_F(BatcherTest, SmallJobIsNotHeldUpByAHugeOne) {
  Batcher batcher(100, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket(std::vector<uint32_t>(100000, 10)),
                                            NewTicket({10})};
  batcher.Add(t[0]);
  EXPECT_THAT(Take(batcher, t), SizeIs(10));
  batcher.Add(t[1]);
  Complete(batcher);
  EXPECT_THAT(Take(batcher, t), ::testing::Contains(Pair(1, 0)));
}

TEST_F(BatcherTest, ItemAsLargeAsTheBudgetGoesAlone) {
  Batcher batcher(10, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({1}), NewTicket({10}), NewTicket({1})};
  for (const auto& ticket : t) batcher.Add(ticket);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0)));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(1, 0)));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(2, 0)));
}

TEST_F(BatcherTest, InteractiveBeforeBulk) {
  Batcher batcher(10, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({2, 2, 2}, Priority::kBulk),
                                            NewTicket({4, 3}), NewTicket({4})};
  for (const auto& ticket : t) batcher.Add(ticket);
  EXPECT_THAT(
      Take(batcher, t),
      ElementsAre(Pair(1, 0), Pair(2, 0)));  // item 1 of job 1 does not fit; no bulk before it
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(1, 1)));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(0, 1), Pair(0, 2)));
}

TEST_F(BatcherTest, BatchesWithBulkItemsAreSmall) {
  Batcher batcher(100, 100, 8);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({4, 4, 4, 20, 2}, Priority::kBulk),
                                            NewTicket({4}), NewTicket({30})};
  batcher.Add(t[0]);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(0, 1)));
  batcher.Add(t[1]);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(1, 0)));
  batcher.Add(t[2]);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(2, 0)));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 2)));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 3)));  // larger than the limit by itself
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 4)));
}

TEST_F(BatcherTest, BulkIsNotPassedOverForEver) {
  Batcher batcher(10, 100, 5);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({5, 5, 5}, Priority::kBulk),
                                            NewTicket(std::vector<uint32_t>(1000, 9))};
  for (const auto& ticket : t) batcher.Add(ticket);
  int bulk_items = 0;
  for (int i = 0; i < 40; ++i) {
    Take(batcher, t);
    ASSERT_FALSE(batch_.items.empty());
    for (const Ticket* ticket : batch_.tickets) bulk_items += ticket == t[0].get();
    Complete(batcher);
  }
  EXPECT_EQ(bulk_items, 2);
}

TEST_F(BatcherTest, DropsCancelledAndLateJobs) {
  Batcher batcher(10, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({1}), NewTicket({1}),
                                            NewTicket({1}, Priority::kBulk)};
  for (const auto& ticket : t) batcher.Add(ticket);
  t[0]->job->Cancel();
  t[2]->job->deadline = now_;
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(1, 0)));
  EXPECT_THAT(ended_, ElementsAre(t[0], t[2]));
  EXPECT_EQ(t[0]->error->code, Code::kDeadline);
  EXPECT_EQ(t[2]->error->code, Code::kDeadline);
}

TEST_F(BatcherTest, JobCancelledWhileRunningEndsAfterItsBatch) {
  Batcher batcher(2, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({2, 2})};
  batcher.Add(t[0]);
  EXPECT_THAT(Take(batcher, t), SizeIs(1));
  const Batch running = batch_;
  t[0]->job->Cancel();
  EXPECT_THAT(Take(batcher, t), IsEmpty());
  EXPECT_TRUE(batcher.empty());
  EXPECT_THAT(ended_, IsEmpty());  // its first item still runs
  batcher.Complete(running, {}, {}, ended_);
  EXPECT_THAT(ended_, ElementsAre(t[0]));
}

TEST_F(BatcherTest, FailedBatchEndsItsJobsOnly) {
  Batcher batcher(4, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({2, 2}), NewTicket({2}), NewTicket({2})};
  for (const auto& ticket : t) batcher.Add(ticket);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(1, 0)));
  Complete(batcher, Error{Code::kOverloaded, "out of memory"});
  EXPECT_THAT(ended_, ::testing::UnorderedElementsAre(t[0], t[1]));
  EXPECT_EQ(t[0]->error->message, "out of memory");
  ended_.clear();
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(2, 0)));
  Complete(batcher);
  EXPECT_THAT(ended_, ElementsAre(t[2]));
}

TEST_F(BatcherTest, FailAllLeavesRunningItems) {
  Batcher batcher(2, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({2, 2}), NewTicket({2}, Priority::kBulk)};
  for (const auto& ticket : t) batcher.Add(ticket);
  EXPECT_THAT(Take(batcher, t), SizeIs(1));
  batcher.FailAll({Code::kOverloaded, "shutting down"}, ended_);
  EXPECT_THAT(ended_, ElementsAre(t[1]));
  Complete(batcher);
  EXPECT_THAT(ended_, ElementsAre(t[1], t[0]));
}

TEST(Admission, CountsJobsItemsAndTokens) {
  Admission admission({.jobs = 3, .items = 10, .tokens = 100});
  EXPECT_TRUE(admission.Admit(5, 50).ok());
  EXPECT_EQ(admission.Admit(6, 1).error().code, Code::kOverloaded);
  EXPECT_THAT(admission.Admit(1, 51).error().message, ::testing::HasSubstr("limit 100"));
  EXPECT_TRUE(admission.Admit(5, 50).ok());
  EXPECT_FALSE(admission.Admit(1, 0).ok());
  EXPECT_TRUE(admission.Admit(0, 0).ok());
  EXPECT_THAT(admission.Admit(0, 0).error().message, ::testing::HasSubstr("limit 3"));
  admission.Correct(50, 10);
  EXPECT_EQ(admission.load().tokens, 60u);
  admission.Release(5, 10);
  EXPECT_EQ(admission.load().jobs, 2u);
  EXPECT_TRUE(admission.Admit(5, 50).ok());
}

TEST(Admission, TakesAHugeJobWhenNothingElseWaits) {
  Admission admission({.jobs = 3, .items = 10, .tokens = 100});
  EXPECT_TRUE(admission.Admit(1000, 100000).ok());
  EXPECT_FALSE(admission.Admit(1, 1).ok());
  EXPECT_FALSE(admission.Admit(SIZE_MAX, SIZE_MAX).ok());
  admission.Release(1000, 100000);
  EXPECT_TRUE(admission.Admit(1, 1).ok());
  EXPECT_FALSE(admission.Admit(SIZE_MAX, 1).ok());
}

}  // namespace
}  // namespace minnow
