// SPDX-License-Identifier: Apache-2.0
#include "base/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace minnow {

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  rusage times{};
  if (getrusage(RUSAGE_SELF, &times) == 0) {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    usage.cpu_seconds = seconds(times.ru_utime) + seconds(times.ru_stime);
  }
  if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    unsigned long long total_pages = 0;
    unsigned long long resident_pages = 0;
    unsigned long long file_pages = 0;
    if (std::fscanf(file, "%llu %llu %llu", &total_pages, &resident_pages, &file_pages) == 3) {
      const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
      usage.resident_bytes = resident_pages * page;
      usage.private_bytes = (resident_pages - std::min(resident_pages, file_pages)) * page;
    }
    std::fclose(file);
  }
  return usage;
}

}  // namespace minnow
