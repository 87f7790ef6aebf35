// SPDX-License-Identifier: Apache-2.0
// Times, what is told of many of them, and the memory that a measurement took.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace minnow {

using BenchClock = std::chrono::steady_clock;

inline double MillisecondsSince(BenchClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(BenchClock::now() - begin).count();
}

// The most memory that this process has had, in 10^6 bytes.
double PeakMegabytes();

struct TimeSummary {
  double least = 0;
  double median = 0;
  double p99 = 0;
};

// REQUIRES: there are times
TimeSummary Summarize(std::vector<double> times);

// "NAME min 1.23 median 1.45 ms", a line. REQUIRES: there are times, in milliseconds
std::string TimesLine(const std::string& name, std::vector<double> times);

}  // namespace minnow
