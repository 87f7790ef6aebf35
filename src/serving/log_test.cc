// SPDX-License-Identifier: Apache-2.0
// A reader that does not read holds nobody up, and hears of what it missed.
#include "serving/log.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace minnow {
namespace {

constexpr int kWaitMs = 60'000;

// Reads until `text` has come; fails after a minute without a byte.
void ReadUntil(int descriptor, const std::string& text, std::string& all) {
  char bytes[65536];
  while (all.find(text) == std::string::npos) {
    pollfd ready{.fd = descriptor, .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, kWaitMs), 1) << "no \"" << text << "\" within a minute";
    const ssize_t got = ::read(descriptor, bytes, sizeof bytes);
    ASSERT_GT(got, 0);
    all.append(bytes, static_cast<size_t>(got));
  }
}

TEST(Log, FullPipeHoldsNobodyUpAndDropsAreTold) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::string all;
  {
    const Log log(LogFormat::kText, ends[1]);
    // More than pipe and queue hold together.
    const std::string kilobyte(1024, 'x');
    for (int i = 0; i < 4096; ++i) log.Info(kilobyte);
    EXPECT_FALSE(log.Flush());
    ReadUntil(ends[0], "warning log lines dropped lines=", all);
    log.Info("afterwards");
    ReadUntil(ends[0], "info afterwards\n", all);
    EXPECT_TRUE(log.Flush());
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Log, EndsWhileNobodyReads) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    const Log log(LogFormat::kJson, ends[1]);
    for (int i = 0; i < 4096; ++i) log.Warning(std::string(1024, 'x'));
  }
  // The writer is still at its write: it ends with the pipe.
  ::close(ends[0]);
}

TEST(Log, WritesWhatIsLeft) {
  constexpr std::chrono::microseconds kTime(1500);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    const Log log(LogFormat::kJson, ends[1]);
    log.Error("last",
              {{"a", "1"}, {"n", 2}, {"yes", true}, {"ms", Log::Value::Milliseconds(kTime, 3)}});
  }
  ::close(ends[1]);
  std::string all;
  ReadUntil(ends[0],
            R"("level":"error","message":"last","a":"1","n":2,"yes":true,"ms":1.500})"
            "\n",
            all);
  ::close(ends[0]);
}

}  // namespace
}  // namespace minnow
