// SPDX-License-Identifier: Apache-2.0
// Ends the program when one test takes too long, and names the test: no wait in a test is without a
// bound. Names the test that a failed CHECK ends, too.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace minnow {
namespace {

// Less than a test runner's own limit (cmake/tests.cmake), which would not say what hung.
constexpr unsigned kLimitSeconds = 240;

// Made when a test starts: a signal handler may not allocate.
std::string too_long;
std::string aborted;

void OnSignal(int signal) {
  const std::string& message = signal == SIGALRM ? too_long : aborted;
  [[maybe_unused]] const auto size = ::write(STDERR_FILENO, message.data(), message.size());
  if (signal == SIGALRM) std::abort();
}

class Watchdog : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo& test) override {
    const std::string name = std::string(test.test_suite_name()) + "." + test.name();
    too_long = "\n" + name + ": not done after " + std::to_string(kLimitSeconds) + " s\n";
    aborted = "\n" + name + ": aborted\n";
    ::signal(SIGALRM, OnSignal);
    ::signal(SIGABRT, OnSignal);
    ::alarm(kLimitSeconds);
  }
  void OnTestEnd(const ::testing::TestInfo&) override { ::alarm(0); }
};

const bool kAdded = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new Watchdog);
  return true;
}();

}  // namespace
}  // namespace minnow
