// SPDX-License-Identifier: Apache-2.0
// cpuid and HWCAP, cgroup quotas, affinity and cache sizes.
#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace minnow {
namespace {

// Files of /proc and /sys say size 0, so they are read until their end; none that matters is longer
// than this.
constexpr size_t kPseudoFileLimitBytes = 64 * 1024;

std::optional<std::string> ReadPseudoFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kPseudoFileLimitBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<int64_t> ParseInt(std::string_view text) {
  text = Trim(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

double QuotaCores(std::optional<int64_t> quota_us, std::optional<int64_t> period_us) {
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) return 0;
  return static_cast<double>(*quota_us) / static_cast<double>(*period_us);
}

double SmallerQuota(double a, double b) {
  if (a <= 0) return b;
  return b <= 0 ? a : std::min(a, b);
}

double ReadQuotaV2(const std::string& directory) {
  const auto text = ReadPseudoFile(directory + "/cpu.max");
  return text ? ParseCgroupCpuMax(*text) : 0;
}

double ReadQuotaV1(const std::string& directory) {
  const auto quota = ReadPseudoFile(directory + "/cpu.cfs_quota_us");
  const auto period = ReadPseudoFile(directory + "/cpu.cfs_period_us");
  if (!quota || !period) return 0;
  return QuotaCores(ParseInt(*quota), ParseInt(*period));
}

// Files say "max" (v2) or a number near 2^63 (v1) where there is no limit.
double ReadBytesLimit(const std::string& path) {
  constexpr int64_t kNoLimit = int64_t{1} << 60;
  const auto text = ReadPseudoFile(path);
  const int64_t bytes = text ? ParseInt(*text).value_or(0) : 0;
  return bytes < kNoLimit ? static_cast<double>(bytes) : 0;
}
double ReadMemoryV2(const std::string& directory) {
  return ReadBytesLimit(directory + "/memory.max");
}
double ReadMemoryV1(const std::string& directory) {
  return ReadBytesLimit(directory + "/memory.limit_in_bytes");
}

// The smallest quota of `group` and of every group above it. Inside a container the path may name a
// group of the host that is not mounted here: what is missing is passed over, and the mount's root
// is the container's own group.
template <class ReadQuota>
double SmallestUpwards(const std::string& mount, std::string group, ReadQuota read_quota) {
  if (group.find("..") != std::string::npos) group.clear();
  double smallest = 0;
  while (true) {
    while (!group.empty() && group.back() == '/') group.pop_back();
    smallest = SmallerQuota(smallest, read_quota(mount + group));
    if (group.empty()) return smallest;
    group.erase(group.find_last_of('/') == std::string::npos ? 0 : group.find_last_of('/'));
  }
}

// "32K", "1024K", "32M", as in /sys/devices/system/cpu/cpu0/cache/index0/size.
size_t ParseCacheSize(std::string_view text) {
  text = Trim(text);
  size_t unit = 1;
  if (!text.empty() && text.back() == 'K') unit = 1024;
  if (!text.empty() && text.back() == 'M') unit = 1024 * 1024;
  if (unit > 1) text.remove_suffix(1);
  const auto number = ParseInt(text);
  return number && *number > 0 ? static_cast<size_t>(*number) * unit : 0;
}

void SetCache(CpuInfo& info, int level, bool instructions, size_t bytes) {
  if (instructions) return;
  if (level == 1) info.l1d_bytes = bytes;
  if (level == 2) info.l2_bytes = bytes;
  if (level == 3) info.l3_bytes = bytes;
}

void ReadCachesFromSysfs(const std::string& root, CpuInfo& info) {
  constexpr int kMostCaches = 8;
  for (int index = 0; index < kMostCaches; ++index) {
    const std::string directory =
        root + "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    const auto level = ReadPseudoFile(directory + "/level");
    const auto type = ReadPseudoFile(directory + "/type");
    const auto size = ReadPseudoFile(directory + "/size");
    if (!level || !type || !size) continue;
    const int number = static_cast<int>(ParseInt(*level).value_or(0));
    SetCache(info, number, Trim(*type) == "Instruction", ParseCacheSize(*size));
  }
}

// The value of the first line "name : value" of /proc/cpuinfo.
// "name: value", as in /proc/cpuinfo and /proc/meminfo; "" where there is none.
std::string ReadField(const std::string& path, std::string_view name) {
  const auto text = ReadPseudoFile(path);
  if (!text) return {};
  for (const std::string_view line : Split(*text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || Trim(line.substr(0, colon)) != name) continue;
    return std::string(Trim(line.substr(colon + 1)));
  }
  return {};
}

int AffinityCores() {
  // The kernel refuses a set smaller than its own, so it is doubled until it fits.
  for (int cores = 1024; cores <= 1024 * 1024; cores *= 2) {
    cpu_set_t* set = CPU_ALLOC(cores);
    if (set == nullptr) return 0;
    const size_t bytes = CPU_ALLOC_SIZE(cores);
    const bool read = sched_getaffinity(0, bytes, set) == 0;
    const int count = read ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (read) return count;
  }
  return 0;
}

#if defined(__x86_64__)

struct Cpuid {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero for a leaf that the processor does not have.
Cpuid ReadCpuid(uint32_t leaf, uint32_t subleaf) {
  Cpuid r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

constexpr bool Bit(uint64_t word, int bit) { return (word >> bit & 1) != 0; }

// XCR0: the register states that the operating system saves. REQUIRES the OSXSAVE bit of cpuid.
uint64_t ReadXcr0() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Bit numbers: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A, CPUID.
CpuFeatures ReadFeatures() {
  CpuFeatures f;
  const Cpuid leaf1 = ReadCpuid(1, 0);
  const Cpuid leaf7 = ReadCpuid(7, 0);
  const Cpuid leaf7_1 = leaf7.eax >= 1 ? ReadCpuid(7, 1) : Cpuid{};
  const bool osxsave = Bit(leaf1.ecx, 27);
  const uint64_t xcr0 = osxsave ? ReadXcr0() : 0;
  const bool ymm = (xcr0 & 0x6) == 0x6;
  const bool zmm = (xcr0 & 0xe6) == 0xe6;
  const bool tiles = (xcr0 & 0x60000) == 0x60000;
  f.avx2 = ymm && Bit(leaf7.ebx, 5) && Bit(leaf1.ecx, 12) && Bit(leaf1.ecx, 29);
  f.avx512 = zmm && f.avx2 && Bit(leaf7.ebx, 16) && Bit(leaf7.ebx, 17) && Bit(leaf7.ebx, 30) &&
             Bit(leaf7.ebx, 31);
  f.avx512_vnni = f.avx512 && Bit(leaf7.ecx, 11);
  f.avx512_bf16 = f.avx512 && Bit(leaf7_1.eax, 5);
  f.avx_vnni = f.avx2 && Bit(leaf7_1.eax, 4);
  f.amx_int8 = tiles && Bit(leaf7.edx, 24) && Bit(leaf7.edx, 25);
  f.amx_bf16 = tiles && Bit(leaf7.edx, 24) && Bit(leaf7.edx, 22);
  return f;
}

std::string ReadModelName(const std::string& root) {
  char name[49] = {};
  for (uint32_t part = 0; part < 3; ++part) {
    const Cpuid r = ReadCpuid(0x80000002 + part, 0);
    std::memcpy(name + 16 * part, &r, 16);
  }
  const std::string_view trimmed = Trim(name);
  return trimmed.empty() ? ReadField(root + "/proc/cpuinfo", "model name") : std::string(trimmed);
}

void ReadCachesFromProcessor(CpuInfo& info) {
  // Deterministic cache parameters: leaf 4 (Intel), 0x8000001d (AMD), in the same form.
  constexpr uint32_t kMostCaches = 8;
  for (const uint32_t leaf : {0x4u, 0x8000001du}) {
    for (uint32_t index = 0; index < kMostCaches; ++index) {
      const Cpuid r = ReadCpuid(leaf, index);
      const uint32_t type = r.eax & 0x1f;
      if (type == 0) break;
      const size_t ways = (r.ebx >> 22) + 1;
      const size_t partitions = (r.ebx >> 12 & 0x3ff) + 1;
      const size_t line_bytes = (r.ebx & 0xfff) + 1;
      const size_t sets = static_cast<size_t>(r.ecx) + 1;
      SetCache(info, static_cast<int>(r.eax >> 5 & 7), type == 2,
               ways * partitions * line_bytes * sets);
    }
    if (info.l1d_bytes != 0) return;
  }
}

#elif defined(__aarch64__)

// Bit numbers: Linux, arch/arm64/include/uapi/asm/hwcap.h.
CpuFeatures ReadFeatures() {
  CpuFeatures f;
  const unsigned long hwcap = getauxval(AT_HWCAP);
  const unsigned long hwcap2 = getauxval(AT_HWCAP2);
  f.neon = (hwcap >> 1 & 1) != 0;
  f.neon_dotprod = (hwcap >> 20 & 1) != 0;
  f.neon_i8mm = (hwcap2 >> 13 & 1) != 0;
  f.neon_bf16 = (hwcap2 >> 14 & 1) != 0;
  return f;
}

std::string ReadModelName(const std::string& root) {
  const std::string name = ReadField(root + "/proc/cpuinfo", "model name");
  if (!name.empty()) return name;
  const std::string implementer = ReadField(root + "/proc/cpuinfo", "CPU implementer");
  if (implementer.empty()) return "arm64";
  return "arm64 implementer " + implementer + " part " +
         ReadField(root + "/proc/cpuinfo", "CPU part");
}

void ReadCachesFromProcessor(CpuInfo&) {}

#else

CpuFeatures ReadFeatures() { return {}; }
std::string ReadModelName(const std::string& root) {
  return ReadField(root + "/proc/cpuinfo", "model name");
}
void ReadCachesFromProcessor(CpuInfo&) {}

#endif

}  // namespace

int CpuInfo::usable_cores() const {
  int cores = affinity_cores;
  // Half a core of quota is still worth a thread, so the quota is rounded up.
  if (quota_cores > 0 && quota_cores < cores) cores = static_cast<int>(std::ceil(quota_cores));
  return std::max(1, cores);
}

double ParseCgroupCpuMax(const std::string& text) {
  const std::vector<std::string_view> words = Split(Trim(text), ' ');
  if (words.size() != 2) return 0;
  return QuotaCores(ParseInt(words[0]), ParseInt(words[1]));
}

namespace {

// The smallest of what `read_v2` and `read_v1` find for `controller` in this process's cgroups and
// in all above them; 0 for none.
template <class Read>
double SmallestOfCgroups(const std::string& root, const std::string& controller, Read read_v2,
                         Read read_v1) {
  const std::string mount = root + "/sys/fs/cgroup";
  const auto groups = ReadPseudoFile(root + "/proc/self/cgroup");
  if (!groups) return SmallerQuota(read_v2(mount), read_v1(mount + "/" + controller));
  double smallest = 0;
  for (const std::string_view line : Split(*groups, '\n')) {
    // hierarchy:controllers:path; version 2 is hierarchy 0 with no controllers.
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers(line.substr(first + 1, second - first - 1));
    const std::string group(line.substr(second + 1));
    if (controllers.empty()) {
      smallest = SmallerQuota(smallest, SmallestUpwards(mount, group, read_v2));
      continue;
    }
    const std::vector<std::string_view> names = Split(controllers, ',');
    if (std::find(names.begin(), names.end(), controller) == names.end()) continue;
    for (const std::string& folder : {controllers, controller}) {
      smallest = SmallerQuota(smallest, SmallestUpwards(mount + "/" + folder, group, read_v1));
    }
  }
  return smallest;
}

}  // namespace

double ReadCgroupQuota(const std::string& root) {
  return SmallestOfCgroups(root, "cpu", ReadQuotaV2, ReadQuotaV1);
}

size_t ReadUsableMemory(const std::string& root) {
  constexpr double kOfCgroup = 0.9;   // a margin for what nobody counts
  constexpr double kOfMachine = 0.8;  // others live there too
  const std::string total = ReadField(root + "/proc/meminfo", "MemTotal");
  const double machine =
      static_cast<double>(ParseInt(total.substr(0, total.find(' '))).value_or(0)) * 1024;
  const double group = SmallestOfCgroups(root, "memory", ReadMemoryV2, ReadMemoryV1);
  return static_cast<size_t>(SmallerQuota(kOfCgroup * group, kOfMachine * machine));
}

CpuInfo ReadCpuInfo(const std::string& root) {
  CpuInfo info;
  info.model_name = ReadModelName(root);
  info.features = ReadFeatures();
  info.online_cores = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  const int affinity = AffinityCores();
  info.affinity_cores = affinity > 0 ? affinity : info.online_cores;
  info.quota_cores = ReadCgroupQuota(root);
  ReadCachesFromSysfs(root, info);
  if (info.l1d_bytes == 0) ReadCachesFromProcessor(info);
  return info;
}

const CpuInfo& Cpu() {
  static const CpuInfo info = ReadCpuInfo("");
  return info;
}

}  // namespace minnow
