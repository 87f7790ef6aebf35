// SPDX-License-Identifier: Apache-2.0
#include "serving/image_jobs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <thread>

#include "tests/await.h"

namespace minnow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = ImageJobState;

struct TestClock {
  std::chrono::steady_clock::time_point now{seconds(1000)};
};

class ImageJobsTest : public ::testing::Test {
 protected:
  void Make(ImageJobsOptions options, std::shared_ptr<MemoryBudget> memory = nullptr) {
    claims_.clear();
    jobs_ = std::make_unique<ImageJobs>(options, std::move(memory),
                                        [clock = clock_] { return clock->now; });
  }
  void SetUp() override { Make({}); }

  std::string Add() {
    claims_.push_back(jobs_->Add().value());
    return claims_.back().id;
  }
  ImageJobStatus Find(const std::string& id) { return jobs_->Find(id, nullptr).value(); }
  // Of that many bytes in its only file.
  void Complete(const std::string& id, size_t bytes) {
    jobs_->Complete(id, {.format = "png", .files = {std::string(bytes, 'x')}, .seeds = {7}});
  }
  bool IsGone(const std::string& id) {
    ImageJobs::Missing missing;
    EXPECT_FALSE(jobs_->Find(id, &missing).has_value());
    return missing.gone;
  }

  const std::shared_ptr<TestClock> clock_ = std::make_shared<TestClock>();
  std::unique_ptr<ImageJobs> jobs_;
  std::vector<ImageJobs::Added> claims_;  // go before their jobs
};

TEST_F(ImageJobsTest, WhoMayComeYet) {
  EXPECT_FALSE(jobs_->AreWaitedFor());
  const std::string told = Add();
  EXPECT_TRUE(jobs_->AreWaitedFor());
  jobs_->Report(told, 1, 2);
  EXPECT_EQ(Find(told).state, State::kGenerating);
  EXPECT_TRUE(jobs_->AreWaitedFor());
  Complete(told, 8);
  EXPECT_TRUE(jobs_->AreWaitedFor());
  EXPECT_EQ(Find(told).state, State::kCompleted);
  EXPECT_FALSE(jobs_->AreWaitedFor());
  // Nobody comes for this one.
  Complete(Add(), 8);
  EXPECT_TRUE(jobs_->AreWaitedFor());
  clock_->now += seconds(60);
  EXPECT_FALSE(jobs_->AreWaitedFor());
  const std::string heard = Add();
  EXPECT_TRUE(jobs_->Listen(
      heard, [](const ImageJobStatus*, std::string_view) { return true; }, nullptr));
  // Who hears of the end asks for the pictures then.
  Complete(heard, 8);
  EXPECT_TRUE(jobs_->AreWaitedFor());
  Find(heard);
  EXPECT_FALSE(jobs_->AreWaitedFor());
}

TEST_F(ImageJobsTest, FromTheQueueToItsPictures) {
  const std::string first = Add(), second = Add();
  EXPECT_NE(first, second);
  EXPECT_EQ(Find(second).queue_position, 2u);
  clock_->now += seconds(3);
  jobs_->Report(first, 0, 8);
  EXPECT_EQ(Find(second).queue_position, 1u);
  ImageJobStatus status = Find(first);
  EXPECT_EQ(status.state, State::kGenerating);
  EXPECT_EQ(status.started, status.created + 3);
  EXPECT_EQ(status.queue_position, 0u);
  EXPECT_FALSE(status.eta.has_value());
  EXPECT_FALSE(status.completed.has_value());
  clock_->now += milliseconds(500);
  jobs_->Report(first, 2, 8);
  status = Find(first);
  EXPECT_EQ(status.elapsed, milliseconds(500));
  EXPECT_EQ(status.eta, milliseconds(1500));
  clock_->now += milliseconds(2500);
  Complete(first, 10);
  clock_->now += seconds(9);
  status = Find(first);
  EXPECT_EQ(status.state, State::kCompleted);
  EXPECT_EQ(status.completed, status.created + 6);
  EXPECT_EQ(status.elapsed, seconds(3));
  ASSERT_NE(status.result, nullptr);
  EXPECT_EQ(status.result->files.at(0).size(), 10u);
  EXPECT_FALSE(status.error.has_value());
}

TEST_F(ImageJobsTest, AFailureIsTold) {
  const std::string id = Add();
  jobs_->Fail(id, {"invalid_request", "steps: too many"});
  const ImageJobStatus status = Find(id);
  EXPECT_EQ(status.state, State::kFailed);
  EXPECT_EQ(status.error->message, "steps: too many");
  EXPECT_FALSE(status.started.has_value());
}

TEST_F(ImageJobsTest, CancelWhileItWaits) {
  const auto added = jobs_->Add().value();
  EXPECT_FALSE(added.watch->gone());
  EXPECT_EQ(jobs_->Cancel(added.id, nullptr), ImageJobs::Cancelled::kDone);
  EXPECT_TRUE(added.watch->gone());
  EXPECT_EQ(Find(added.id).state, State::kCancelled);
  EXPECT_EQ(Find(added.id).error->code, "cancelled");
  EXPECT_EQ(jobs_->Cancel(added.id, nullptr), ImageJobs::Cancelled::kDone);
}

TEST_F(ImageJobsTest, CancelWhileItRuns) {
  const auto added = jobs_->Add().value();
  jobs_->Report(added.id, 1, 8);
  EXPECT_EQ(jobs_->Cancel(added.id, nullptr), ImageJobs::Cancelled::kDone);
  EXPECT_TRUE(added.watch->gone());
  // What the engine still says of it changes nothing.
  jobs_->Report(added.id, 2, 8);
  Complete(added.id, 10);
  jobs_->Fail(added.id, {"cancelled", "the caller left"});
  const ImageJobStatus status = Find(added.id);
  EXPECT_EQ(status.state, State::kCancelled);
  EXPECT_EQ(status.step, 1u);
  EXPECT_EQ(status.result, nullptr);
  EXPECT_EQ(status.error->message, "job cancelled by client");
}

TEST_F(ImageJobsTest, CancelAfterTheEnd) {
  const auto added = jobs_->Add().value();
  Complete(added.id, 10);
  EXPECT_EQ(jobs_->Cancel(added.id, nullptr), ImageJobs::Cancelled::kEnded);
  EXPECT_FALSE(added.watch->gone());
  EXPECT_EQ(Find(added.id).state, State::kCompleted);
}

TEST_F(ImageJobsTest, NamesThatNobodyHas) {
  EXPECT_FALSE(IsGone("job_1"));
  ImageJobs::Missing missing;
  EXPECT_EQ(jobs_->Cancel("", &missing), ImageJobs::Cancelled::kMissing);
  EXPECT_FALSE(missing.gone);
  EXPECT_FALSE(jobs_->Listen(
      "x", [](const auto*, auto) { return true; }, &missing));
  jobs_->Report("x", 1, 2);
  jobs_->Remove("x");
}

TEST_F(ImageJobsTest, TheQueueIsBounded) {
  Make({.max_waiting = 2});
  const std::string first = Add();
  Add();
  const auto refused = jobs_->Add();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  EXPECT_EQ(refused.error().message, "2 jobs wait, limit 2");
  jobs_->Report(first, 0, 4);
  Add();
  EXPECT_FALSE(jobs_->Add().ok());
}

TEST_F(ImageJobsTest, OneThatWasRefusedIsNoJob) {
  const std::string id = Add();
  jobs_->Fail(id, {"overloaded", ""});
  jobs_->Remove(id);
  EXPECT_FALSE(IsGone(id));
}

TEST_F(ImageJobsTest, ResultsExpire) {
  const std::string waits = Add(), done = Add();
  Complete(done, 10);
  clock_->now += seconds(600);
  EXPECT_EQ(Find(done).state, State::kCompleted);
  clock_->now += seconds(1);
  EXPECT_TRUE(IsGone(done));
  ImageJobs::Missing missing;
  EXPECT_EQ(jobs_->Cancel(done, &missing), ImageJobs::Cancelled::kMissing);
  EXPECT_TRUE(missing.gone);
  EXPECT_EQ(Find(waits).state, State::kQueued);
}

TEST_F(ImageJobsTest, ResultsAreBoundedInBytes) {
  Make({.max_result_bytes = 10'000});
  const std::string first = Add(), second = Add(), third = Add(), large = Add();
  Complete(first, 4000);
  Complete(second, 4000);
  Complete(third, 4000);
  EXPECT_TRUE(IsGone(first));
  EXPECT_EQ(Find(second).state, State::kCompleted);
  Complete(large, 10'000);
  EXPECT_EQ(Find(large).state, State::kFailed);
  EXPECT_EQ(Find(large).error->code, "no_memory");
  EXPECT_EQ(Find(third).state, State::kCompleted);
}

TEST_F(ImageJobsTest, EndedJobsAndGoneNamesAreBounded) {
  Make({.max_ended = 2, .max_gone = 1});
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(Add());
    jobs_->Fail(ids.back(), {"x", ""});
  }
  EXPECT_TRUE(jobs_->Find(ids[4], nullptr).has_value());
  EXPECT_TRUE(jobs_->Find(ids[3], nullptr).has_value());
  EXPECT_TRUE(IsGone(ids[2]));
  EXPECT_FALSE(IsGone(ids[1]));
}

TEST_F(ImageJobsTest, ResultsAreCountedInTheBudget) {
  const auto memory = std::make_shared<MemoryBudget>(10'000);
  Make({}, memory);
  const std::string first = Add(), second = Add();
  Complete(first, 6000);
  EXPECT_GE(memory->used(), 6000u);
  Complete(second, 6000);
  EXPECT_TRUE(IsGone(first));
  EXPECT_EQ(Find(second).state, State::kCompleted);
  clock_->now += seconds(700);
  jobs_->Expire();
  EXPECT_EQ(memory->used(), 0u);
  EXPECT_TRUE(IsGone(second));
  ASSERT_TRUE(memory->Take(9000));
  const std::string third = Add();
  Complete(third, 6000);
  EXPECT_EQ(Find(third).state, State::kFailed);
  memory->Give(9000);
  Complete(Add(), 6000);
  claims_.clear();
  jobs_ = nullptr;
  EXPECT_EQ(memory->used(), 0u);
}

TEST_F(ImageJobsTest, ListenersHearAllUpToTheEnd) {
  const std::string id = Add();
  std::vector<std::string> heard, once;
  const auto listen = [&](std::vector<std::string>* to, size_t most) {
    return jobs_->Listen(
        id,
        [to, most](const ImageJobStatus* status, std::string_view preview) {
          to->push_back(ImageJobStateName(status->state) + std::to_string(status->step) +
                        std::string(preview));
          return to->size() < most;
        },
        nullptr);
  };
  EXPECT_FALSE(jobs_->IsHeard(id));
  EXPECT_TRUE(listen(&heard, 100));
  EXPECT_TRUE(listen(&once, 2));
  EXPECT_TRUE(jobs_->IsHeard(id));
  jobs_->Report(id, 0, 2);
  jobs_->Report(id, 1, 2, "p");
  Complete(id, 1);
  EXPECT_EQ(heard,
            (std::vector<std::string>{"queued0", "generating0", "generating1p", "completed1"}));
  EXPECT_EQ(once, (std::vector<std::string>{"queued0", "generating0"}));
  EXPECT_FALSE(jobs_->IsHeard(id));
  std::vector<std::string> late;
  EXPECT_TRUE(listen(&late, 100));
  EXPECT_EQ(late, std::vector<std::string>{"completed1"});
}

TEST_F(ImageJobsTest, ListenersHearOfTheirPlace) {
  const std::string first = Add(), second = Add(), third = Add();
  std::vector<size_t> places;
  jobs_->Listen(
      third,
      [&](const ImageJobStatus* status, std::string_view) {
        places.push_back(status->queue_position);
        return true;
      },
      nullptr);
  jobs_->Report(first, 0, 2);
  jobs_->Report(first, 1, 2);
  jobs_->Cancel(second, nullptr);
  Add();
  EXPECT_EQ(places, (std::vector<size_t>{3, 2, 1}));
  Make({});  // the listener's places go before the jobs do
}

TEST_F(ImageJobsTest, WhoNobodyWritesToHearsAHeartbeat) {
  jobs_ = std::make_unique<ImageJobs>(ImageJobsOptions{.heartbeat = milliseconds(1)});
  const std::string id = Add();
  std::atomic<int> beats{0}, before_it_left{0};
  const auto listen = [&](std::atomic<int>* heard, int most) {
    jobs_->Listen(
        id,
        [heard, most](const ImageJobStatus* status, std::string_view) {
          return status != nullptr || ++*heard < most;
        },
        nullptr);
  };
  listen(&beats, 1000);
  listen(&before_it_left, 2);
  AwaitUntil([&] { return beats >= 5; }, "heartbeats");
  EXPECT_EQ(before_it_left, 2) << "who has left is forgotten";
  Make({});
}

TEST_F(ImageJobsTest, AListenerThatFailsIsForgotten) {
  const std::string id = Add();
  bool fails = false;
  jobs_->Listen(
      id,
      [&](const ImageJobStatus*, std::string_view) -> bool {
        if (fails) throw std::bad_alloc();
        return true;
      },
      nullptr);
  fails = true;
  Complete(id, 10);
  EXPECT_EQ(Find(id).state, State::kCompleted);
}

TEST_F(ImageJobsTest, AJobThatIsLetGoOfFails) {
  auto added = jobs_->Add().value();
  auto copy = added.claim;
  jobs_->Report(added.id, 2, 2);
  added.claim = nullptr;
  EXPECT_EQ(Find(added.id).state, State::kGenerating);
  const std::string done = Add();
  Complete(done, 10);
  claims_.clear();
  EXPECT_EQ(Find(done).state, State::kCompleted);
  copy = nullptr;
  EXPECT_EQ(Find(added.id).state, State::kFailed);
  EXPECT_EQ(Find(added.id).error->code, "generation_failed");
}

TEST_F(ImageJobsTest, ManyThreads) {
  Make({.max_waiting = 1000, .keep = seconds(600), .max_ended = 10, .max_result_bytes = 5000});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 200; ++i) {
        const auto added = jobs_->Add().value();
        jobs_->Listen(
            added.id, [](const auto*, auto) { return true; }, nullptr);
        jobs_->Report(added.id, 1, 2);
        if ((i + t) % 3 == 0) jobs_->Cancel(added.id, nullptr);
        Complete(added.id, 100);
        jobs_->Find(added.id, nullptr);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(jobs_->Add().ok());
}

TEST_F(ImageJobsTest, AJobByTheNameThatItsClientGave) {
  const std::string id = "job_00112233445566778899aabbccddeeff";
  const auto added = jobs_->Add(id).value();
  EXPECT_EQ(added.id, id);
  EXPECT_EQ(jobs_->Add(id).error().code, Code::kInvalidArgument);
  // Who lets go of one that was refused later ends no other one.
  auto refused = jobs_->Add("job_ffeeddccbbaa99887766554433221100").value();
  jobs_->Remove(refused.id);
  const auto again = jobs_->Add(refused.id).value();
  refused.claim = nullptr;
  EXPECT_EQ(Find(again.id).state, State::kQueued);
  EXPECT_EQ(jobs_->Cancel(id, nullptr), ImageJobs::Cancelled::kDone);
  EXPECT_EQ(jobs_->Add(id).error().code, Code::kInvalidArgument);
  for (const char* wrong : {"job_1", "x", "job_00112233445566778899aabbccddeefg",
                            "jab_00112233445566778899aabbccddeeff"})
    EXPECT_EQ(jobs_->Add(wrong).error().code, Code::kInvalidArgument) << wrong;
}

}  // namespace
}  // namespace minnow
