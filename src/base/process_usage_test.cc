// SPDX-License-Identifier: Apache-2.0
#include "base/process_usage.h"

#include <gtest/gtest.h>

#include <vector>

namespace minnow {
namespace {

TEST(ProcessUsage, GrowsWithWhatIsTouched) {
  constexpr size_t kBytes = size_t{64} << 20;
  const ProcessUsage before = ReadProcessUsage();
  EXPECT_GT(before.resident_bytes, 1'000'000u);
  const std::vector<char> touched(kBytes, 1);
  const ProcessUsage after = ReadProcessUsage();
  EXPECT_GT(after.resident_bytes, before.resident_bytes + kBytes / 2);
  EXPECT_GT(after.cpu_seconds, 0);
  EXPECT_GE(after.cpu_seconds, before.cpu_seconds);
  EXPECT_EQ(touched.back(), 1);
}

}  // namespace
}  // namespace minnow
