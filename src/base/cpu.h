// SPDX-License-Identifier: Apache-2.0
// The machine as this process may use it: instruction sets, cores by quota and affinity, caches,
// memory.
#pragma once

#include <cstddef>
#include <string>

namespace minnow {

// Instruction sets that the processor has and the operating system has enabled (cpuid and xgetbv;
// HWCAP on arm64).
struct CpuFeatures {
  bool avx2 = false;    // with FMA and F16C
  bool avx512 = false;  // F, BW, VL, DQ
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx_vnni = false;
  bool amx_int8 = false;
  bool amx_bf16 = false;
  bool neon = false;
  bool neon_dotprod = false;
  bool neon_i8mm = false;
  bool neon_bf16 = false;
};

struct CpuInfo {
  std::string model_name;
  CpuFeatures features;
  int online_cores = 1;    // that the kernel shows
  int affinity_cores = 1;  // that the scheduler lets this process use
  double quota_cores = 0;  // cgroup CPU quota in cores; 0: no quota
  size_t l1d_bytes = 0;    // 0 where unknown
  size_t l2_bytes = 0;
  size_t l3_bytes = 0;

  // Threads worth starting: the smallest of affinity and quota (rounded up), at least 1.
  int usable_cores() const;
};

// Read once, at first call. Thread-safe.
const CpuInfo& Cpu();

// What Cpu() is made of; `root` stands before /proc and /sys ("" for the real ones), so that tests
// can bring their own.
CpuInfo ReadCpuInfo(const std::string& root);
// The smallest CPU quota, in cores, of this process's cgroups (v2 and v1) and of all above them; 0
// for none.
double ReadCgroupQuota(const std::string& root);
// Bytes of memory that this process may use: the smallest limit of its cgroups (v2 and v1) and of
// all above them less a tenth, or 80 % of the machine's where that is less; 0: not known.
size_t ReadUsableMemory(const std::string& root);

// The quota in cores from the text of a cgroup v2 cpu.max ("max 100000", "150000 100000"); 0 for
// none or nonsense.
double ParseCgroupCpuMax(const std::string& text);

}  // namespace minnow
