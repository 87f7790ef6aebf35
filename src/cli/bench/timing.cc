// SPDX-License-Identifier: Apache-2.0
#include "cli/bench/timing.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace minnow {

double PeakMegabytes() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

TimeSummary Summarize(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2], times[times.size() * 99 / 100]};
}

std::string TimesLine(const std::string& name, std::vector<double> times) {
  const TimeSummary summary = Summarize(std::move(times));
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, " min %.2f median %.2f ms\n", summary.least,
                summary.median);
  return name + numbers;
}

}  // namespace minnow
