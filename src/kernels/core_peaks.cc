// SPDX-License-Identifier: Apache-2.0
// Times the peak loops.
#include "kernels/core_peaks.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/aligned_buffer.h"
#include "kernels/peak_loops.h"

namespace minnow {

#if defined(__x86_64__)
extern const PeakLoop kAvx2PeakF32;
extern const PeakLoop kAvx2PeakInt8;
extern const PeakLoop kAvxVnniPeakInt8;
extern const PeakLoop kAvx512PeakF32;
extern const PeakLoop kAvx512PeakInt8;
extern const PeakLoop kAvx512VnniPeakInt8;
extern const PeakLoop kAvx512Bf16PeakBf16;
#elif defined(__aarch64__)
extern const PeakLoop kNeonPeakF32;
extern const PeakLoop kNeonPeakInt8;
extern const PeakLoop kNeonDotprodPeakInt8;
extern const PeakLoop kNeonI8mmPeakInt8;
extern const PeakLoop kNeonBf16PeakBf16;
#endif

namespace {

struct Loops {
  const PeakLoop* fp32 = nullptr;
  const PeakLoop* bf16 = nullptr;
  const PeakLoop* int8 = nullptr;
};

// The loops of the instructions that the table uses. A table without any gives no figures.
Loops LoopsOf([[maybe_unused]] std::string_view kernels) {
#if defined(__x86_64__)
  if (kernels == "avx2") return {&kAvx2PeakF32, nullptr, &kAvx2PeakInt8};
  if (kernels == "avx_vnni") return {&kAvx2PeakF32, nullptr, &kAvxVnniPeakInt8};
  if (kernels == "avx512") return {&kAvx512PeakF32, nullptr, &kAvx512PeakInt8};
  if (kernels == "avx512_vnni") return {&kAvx512PeakF32, nullptr, &kAvx512VnniPeakInt8};
  if (kernels == "avx512_bf16")
    return {&kAvx512PeakF32, &kAvx512Bf16PeakBf16, &kAvx512VnniPeakInt8};
  // Tiles have no loop here.
  if (kernels == "amx_int8") return {&kAvx512PeakF32, &kAvx512Bf16PeakBf16, nullptr};
  if (kernels == "amx_bf16") return {&kAvx512PeakF32, nullptr, nullptr};
#elif defined(__aarch64__)
  if (kernels == "neon") return {&kNeonPeakF32, nullptr, &kNeonPeakInt8};
  if (kernels == "neon_dotprod") return {&kNeonPeakF32, nullptr, &kNeonDotprodPeakInt8};
  if (kernels == "neon_i8mm") return {&kNeonPeakF32, nullptr, &kNeonI8mmPeakInt8};
  if (kernels == "neon_bf16") return {&kNeonPeakF32, &kNeonBf16PeakBf16, &kNeonI8mmPeakInt8};
#endif
  return {};
}

using Clock = std::chrono::steady_clock;

// The shortest of several: what disturbs a run only makes it longer.
template <class Run>
double ShortestSeconds(int runs, const Run& run) {
  double shortest = 0;
  for (int i = 0; i < runs; ++i) {
    const auto begin = Clock::now();
    run();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    shortest = i == 0 ? seconds : std::min(shortest, seconds);
  }
  return shortest;
}

double BillionOperations(const PeakLoop* loop) {
  if (loop == nullptr) return 0;
  constexpr size_t kRounds = 500'000;  // a few ms
  constexpr int kRuns = 40;
  const double seconds = ShortestSeconds(kRuns, [&] { loop->run(kRounds); });
  return loop->operations * kRounds / seconds / 1e9;
}

// Reads all words, into sums side by side that do not wait for each other.
uint64_t Sum(const uint64_t* words, size_t count) {
  constexpr size_t kSums = 16;
  uint64_t sums[kSums] = {};
  for (size_t i = 0; i + kSums <= count; i += kSums) {
    for (size_t j = 0; j < kSums; ++j) sums[j] += words[i + j];
  }
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

double BillionBytesRead() {
  // Beyond what the last cache holds for one core, without taking a small machine's memory.
  constexpr size_t kBytes = size_t{256} << 20;
  constexpr int kRuns = 8;
  AlignedBuffer<uint64_t> words(kBytes / sizeof(uint64_t), PageSize::kHuge);
  std::memset(words.data(), 1, words.size_bytes());
  volatile uint64_t sink = 0;
  const double seconds =
      ShortestSeconds(kRuns, [&] { sink = sink + Sum(words.data(), words.size()); });
  return static_cast<double>(kBytes) / seconds / 1e9;
}

}  // namespace

CorePeaks MeasureCorePeaks(const Kernels& kernels) {
  const Loops loops = LoopsOf(kernels.name);
  return {.fp32 = BillionOperations(loops.fp32),
          .bf16 = BillionOperations(loops.bf16),
          .int8 = BillionOperations(loops.int8),
          .read_bytes = BillionBytesRead()};
}

}  // namespace minnow
