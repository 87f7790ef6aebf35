// SPDX-License-Identifier: Apache-2.0
// Budgets, turns, priorities, and every way in which a job ends.
#include "engine/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace minnow {
namespace {

using std::chrono::nanoseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class FakeJob : public Job {
 public:
  size_t expected_items() const override { return 0; }
  Cost expected_cost() const override { return {}; }
  Result<std::vector<uint32_t>> Prepare() override { return std::vector<uint32_t>(); }
  void Done(Status, const JobTimings&) override {}
};

// Whose items are due one after the other, `pace` apart for each unit of work.
std::shared_ptr<Ticket> NewTicket(std::vector<uint32_t> works,
                                  Priority priority = Priority::kInteractive,
                                  Job::Clock::time_point submitted = {},
                                  std::chrono::nanoseconds pace = std::chrono::nanoseconds(0)) {
  auto ticket = std::make_shared<Ticket>();
  ticket->job = std::make_shared<FakeJob>();
  ticket->job->priority = priority;
  ticket->works = std::move(works);
  ticket->submitted = submitted;
  ticket->pace = pace;
  static uint64_t number = 0;
  ticket->number = number++;
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

TEST_F(BatcherTest, KeepsToTheBudgetAndToWhatIsDueFirst) {
  Batcher batcher(10, 100);
  std::vector<std::shared_ptr<Ticket>> t = {
      NewTicket({3, 3, 3, 3}, Priority::kInteractive, {}, nanoseconds(10)),
      NewTicket({2}, Priority::kInteractive, {}, nanoseconds(20))};
  for (const auto& ticket : t) batcher.Add(ticket);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(1, 0), Pair(0, 1)));
  EXPECT_EQ(batch_.work, 8u);
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

TEST_F(BatcherTest, JobsOfOneSizeGoInTheirOrder) {
  Batcher batcher(20, 100);
  std::vector<std::shared_ptr<Ticket>> t;
  for (int i = 0; i < 3; ++i) {
    t.push_back(NewTicket({10, 10}, Priority::kInteractive, now_ + nanoseconds(i),
                          std::chrono::microseconds(1)));
  }
  for (const auto& ticket : t) batcher.Add(ticket);
  // Their items take turns where they came at once, yet none is overtaken.
  std::vector<int> last;
  while (!batcher.empty()) {
    for (const auto& [ticket, item] : Take(batcher, t)) {
      if (item == 1) last.push_back(ticket);
    }
    Complete(batcher);
  }
  EXPECT_THAT(last, ElementsAre(0, 1, 2));
}

TEST_F(BatcherTest, SmallJobIsNotHeldUpByAHugeOne) {
  // 1 us for each unit of work: the huge job takes a second alone.
  constexpr auto kPace = Batcher::kSlack * std::chrono::microseconds(1);
  Batcher batcher(100, 100);
  std::vector<std::shared_ptr<Ticket>> t = {
      NewTicket(std::vector<uint32_t>(100000, 10), Priority::kInteractive, now_, kPace)};
  batcher.Add(t[0]);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Take(batcher, t), SizeIs(10));
    Complete(batcher);
  }
  t.push_back(NewTicket({10}, Priority::kInteractive, now_ + std::chrono::milliseconds(10), kPace));
  batcher.Add(t[1]);
  EXPECT_THAT(Take(batcher, t)[0], Pair(1, 0));
  Complete(batcher);
  // Nor is the huge one by small ones that fill all the time there is: it gets a third of it.
  size_t of_huge = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto now = now_ + std::chrono::milliseconds(10) + i * std::chrono::microseconds(100);
    t.push_back(NewTicket(std::vector<uint32_t>(10, 10), Priority::kInteractive, now, kPace));
    batcher.Add(t.back());
    for (const auto& [ticket, item] : Take(batcher, t)) of_huge += ticket == 0 ? 1 : 0;
    Complete(batcher);
  }
  EXPECT_GT(of_huge, 2500u);
  EXPECT_LT(of_huge, 4000u);
}

TEST_F(BatcherTest, ItemsThatWantAnotherStepWaitAgain) {
  Batcher batcher(10, 100);
  std::vector<std::shared_ptr<Ticket>> t = {NewTicket({4, 4}), NewTicket({2})};
  batcher.Add(t[0]);
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(0, 1)));
  batch_.outcomes[0].next_work = 1;
  batch_.outcomes[1].next_work = 1;
  batcher.Add(t[1]);  // joins between steps
  Complete(batcher);
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 0), Pair(0, 1), Pair(1, 0)));
  EXPECT_EQ(batch_.work, 4u);
  batch_.outcomes[1].next_work = 1;
  batch_.outcomes[2].next_work = 1;
  Complete(batcher);
  EXPECT_THAT(ended_, IsEmpty());  // one of its items goes on
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(0, 1), Pair(1, 0)));
  batch_.outcomes[1].next_work = 1;
  Complete(batcher);
  EXPECT_THAT(ended_, ElementsAre(t[0]));
  t[1]->job->Cancel();
  EXPECT_THAT(Take(batcher, t), IsEmpty());
  EXPECT_THAT(ended_, ElementsAre(t[0], t[1]));
  EXPECT_TRUE(batcher.empty());
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
  // Job 2 does not fit; no bulk before it.
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(1, 0), Pair(1, 1)));
  EXPECT_THAT(Take(batcher, t), ElementsAre(Pair(2, 0)));
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
  std::vector<std::shared_ptr<Ticket>> t = {
      NewTicket({2, 2}, Priority::kInteractive, {}, nanoseconds(10)),
      NewTicket({2}, Priority::kInteractive, {}, nanoseconds(11)),
      NewTicket({2}, Priority::kInteractive, {}, nanoseconds(100))};
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

}  // namespace
}  // namespace minnow
