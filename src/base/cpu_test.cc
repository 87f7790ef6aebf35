// SPDX-License-Identifier: Apache-2.0
// Quotas and caches from made-up directory trees; the real machine only by what must hold
// everywhere.
#include "base/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace minnow {
namespace {

class FakeRoot : public ::testing::Test {
 protected:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "minnow_cpu_XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~FakeRoot() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }

  std::string root_;
};

TEST(ParseCgroupCpuMax, ReadsQuotaAndRefusesNonsense) {
  EXPECT_DOUBLE_EQ(ParseCgroupCpuMax("150000 100000\n"), 1.5);
  EXPECT_DOUBLE_EQ(ParseCgroupCpuMax("max 100000\n"), 0);
  for (const char* text :
       {"", "\n", "1", "a b", "-1 100000", "1 0", "1 -1", "1 2 3", "99999999999999999999 1"}) {
    EXPECT_DOUBLE_EQ(ParseCgroupCpuMax(text), 0) << text;
  }
}

TEST_F(FakeRoot, NothingThereMeansNoQuota) { EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 0); }

TEST_F(FakeRoot, V2TakesTheSmallestOnTheWayUp) {
  Write("/proc/self/cgroup", "0::/kubepods/pod1/c1\n");
  Write("/sys/fs/cgroup/kubepods/pod1/c1/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/kubepods/pod1/cpu.max", "250000 100000\n");
  Write("/sys/fs/cgroup/kubepods/cpu.max", "400000 100000\n");
  EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 2.5);
}

TEST_F(FakeRoot, V2InsideAContainerReadsTheMountsRoot) {
  Write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  for (const char* group : {"0::/\n", "0::/docker/0123456789\n", "0::/../../other\n", "0::\n"}) {
    Write("/proc/self/cgroup", group);
    EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 0.5) << group;
  }
}

TEST_F(FakeRoot, V1WithJoinedControllers) {
  Write("/proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/x\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 0);
  Write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 3);
  Write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 2);
}

TEST_F(FakeRoot, MemoryIsTheCgroupsOrTheMachines) {
  EXPECT_EQ(ReadUsableMemory(root_), 0u);
  Write("/proc/meminfo", "MemTotal:        1000000 kB\nMemFree:          10 kB\n");
  EXPECT_EQ(ReadUsableMemory(root_), 819'200'000u);
  Write("/proc/self/cgroup", "0::/a/b\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(ReadUsableMemory(root_), 819'200'000u);
  Write("/sys/fs/cgroup/a/memory.max", "100000000\n");
  EXPECT_EQ(ReadUsableMemory(root_), 90'000'000u);
  Write("/sys/fs/cgroup/a/memory.max", "99999999999999\n");
  EXPECT_EQ(ReadUsableMemory(root_), 819'200'000u);
  // Version 1, where no limit is a number near 2^63.
  Write("/proc/self/cgroup", "5:memory:/c\n4:cpu,cpuacct:/a/b\n");
  Write("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(ReadUsableMemory(root_), 819'200'000u);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "50000000\n");
  EXPECT_EQ(ReadUsableMemory(root_), 45'000'000u);
}

TEST_F(FakeRoot, LinesThatAreNotCgroupsArePassedOver) {
  Write("/proc/self/cgroup", "\n:\nnonsense\n7:cpuset:/a\n0::/a\n");
  Write("/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
  EXPECT_DOUBLE_EQ(ReadCgroupQuota(root_), 1);
}

TEST_F(FakeRoot, CachesFromSysfs) {
  const std::string caches = "/sys/devices/system/cpu/cpu0/cache/";
  const char* rows[][3] = {{"1", "Data", "32K"},
                           {"1", "Instruction", "64K"},
                           {"2", "Unified", "1024K"},
                           {"3", "Unified", "32M"}};
  for (int i = 0; i < 4; ++i) {
    const std::string folder = caches + "index" + std::to_string(i);
    Write(folder + "/level", std::string(rows[i][0]) + "\n");
    Write(folder + "/type", std::string(rows[i][1]) + "\n");
    Write(folder + "/size", std::string(rows[i][2]) + "\n");
  }
  const CpuInfo info = ReadCpuInfo(root_);
  EXPECT_EQ(info.l1d_bytes, 32u << 10);
  EXPECT_EQ(info.l2_bytes, 1u << 20);
  EXPECT_EQ(info.l3_bytes, 32u << 20);
}

TEST(CpuInfo, UsableCoresAreTheSmallestOfAffinityAndQuota) {
  CpuInfo info;
  info.affinity_cores = 8;
  EXPECT_EQ(info.usable_cores(), 8);
  info.quota_cores = 1.2;
  EXPECT_EQ(info.usable_cores(), 2);
  info.quota_cores = 0.1;
  EXPECT_EQ(info.usable_cores(), 1);
  info.quota_cores = 64;
  EXPECT_EQ(info.usable_cores(), 8);
}

TEST(Cpu, ThisMachine) {
  EXPECT_GE(Cpu().online_cores, 1);
  EXPECT_GE(Cpu().affinity_cores, 1);
  EXPECT_GE(Cpu().usable_cores(), 1);
  EXPECT_LE(Cpu().usable_cores(), Cpu().affinity_cores);
  EXPECT_FALSE(Cpu().model_name.empty());
#if defined(__x86_64__)
  EXPECT_EQ(Cpu().features.avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(Cpu().features.avx512_vnni,
            __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") != 0);
#endif
}

TEST(Cpu, AffinityIsFollowed) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(ReadCpuInfo("").affinity_cores, 1);
  EXPECT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace minnow
