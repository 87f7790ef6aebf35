// SPDX-License-Identifier: Apache-2.0
#include "http/stream_pipe.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace minnow::http {
namespace {

constexpr size_t kSmall = UnreadShare::kSmallBytes;

std::shared_ptr<UnreadBytes> Unread(size_t limit, size_t stream_limit, size_t memory_limit) {
  auto unread = std::make_shared<UnreadBytes>();
  unread->limit = limit;
  unread->stream_limit = stream_limit;
  unread->memory = std::make_shared<MemoryBudget>(memory_limit);
  return unread;
}

TEST(StreamPipe, JoinsPiecesAndTellsTheEnd) {
  StreamPipe pipe(Unread(100, 100, 100));
  EXPECT_TRUE(pipe.Put("one "));
  EXPECT_TRUE(pipe.Put(""));
  EXPECT_TRUE(pipe.Put("two"));
  StreamPipe::Taken taken = pipe.Take();
  EXPECT_EQ(taken.bytes, "one two");
  EXPECT_EQ(taken.state, StreamPipe::State::kOpen);
  EXPECT_EQ(pipe.Take().bytes, "");
  EXPECT_TRUE(pipe.Put("three"));
  pipe.Close(StreamPipe::State::kEnded);
  pipe.Close(StreamPipe::State::kAbandoned);
  EXPECT_FALSE(pipe.Put("four"));
  taken = pipe.Take();
  EXPECT_EQ(taken.bytes, "three");
  EXPECT_EQ(taken.state, StreamPipe::State::kEnded) << "the first counts";
}

TEST(StreamPipe, MayHaveALimitOfItsOwn) {
  StreamPipe pipe(Unread(100, 10, 100), 20);
  EXPECT_TRUE(pipe.Put(std::string(20, 'a')));
  EXPECT_FALSE(pipe.Put("b"));
}

TEST(StreamPipe, HoldsNoMoreThanItsLimit) {
  const auto unread = Unread(1000, 10, 1000);
  StreamPipe pipe(unread);
  EXPECT_TRUE(pipe.Put("12345"));
  EXPECT_EQ(pipe.Take().bytes, "12345");
  EXPECT_TRUE(pipe.Put("67890")) << "what is being written counts";
  EXPECT_EQ(unread->used, 10u);
  pipe.Release();
  EXPECT_EQ(unread->used, 5u);
  EXPECT_TRUE(pipe.Put("12345"));
  EXPECT_FALSE(pipe.overfull());
  EXPECT_FALSE(pipe.Put("6"));
  EXPECT_TRUE(pipe.overfull());
  EXPECT_EQ(unread->used, 0u);
  EXPECT_FALSE(pipe.Put("")) << "for good";
  EXPECT_EQ(pipe.Take().bytes, "");
}

TEST(StreamPipe, AsksToBeWokenOnce) {
  StreamPipe pipe(Unread(10, 10, 10));
  EXPECT_TRUE(pipe.NeedsWaking());
  EXPECT_FALSE(pipe.NeedsWaking());
  pipe.Woken();
  EXPECT_TRUE(pipe.NeedsWaking());
}

TEST(StreamPipe, SharesTheBoundsOfAllAnswers) {
  const auto unread = Unread(3 * kSmall, 100 * kSmall, 10 * kSmall);
  StreamPipe other(unread);
  ASSERT_TRUE(other.Put(std::string(2 * kSmall, 'x'))) << "nothing else is there";
  EXPECT_EQ(unread->memory->used(), 2 * kSmall);
  StreamPipe pipe(unread);
  EXPECT_TRUE(pipe.Put(std::string(kSmall, 'x')));
  EXPECT_EQ(unread->memory->used(), 2 * kSmall) << "a little is not counted";
  EXPECT_FALSE(pipe.Put("x")) << "the limit of all";
  EXPECT_EQ(unread->used, 2 * kSmall);
  (void)other.Take();
  other.Release();
  EXPECT_EQ(unread->used, 0u);
  EXPECT_EQ(unread->memory->used(), 0u);
}

TEST(StreamPipe, TakesFromTheMemoryBudgetAndGivesBack) {
  const auto unread = Unread(100 * kSmall, 100 * kSmall, 4 * kSmall);
  StreamPipe other(unread);
  ASSERT_TRUE(other.Put(std::string(2 * kSmall, 'x')));
  {
    StreamPipe pipe(unread);
    EXPECT_TRUE(pipe.Put(std::string(2 * kSmall, 'x')));
    EXPECT_EQ(unread->memory->used(), 4 * kSmall);
    EXPECT_EQ(pipe.Take().bytes.size(), 2 * kSmall);
    EXPECT_FALSE(pipe.Put("x"));
    EXPECT_EQ(unread->memory->used(), 4 * kSmall) << "what is being written";
  }
  EXPECT_EQ(unread->memory->used(), 2 * kSmall);
  EXPECT_EQ(unread->used, 2 * kSmall);
}

}  // namespace
}  // namespace minnow::http
