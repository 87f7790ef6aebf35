// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX2: vpmaddubsw, the fastest there is, with as many sums of 16 bits as
// light weights allow before they are widened. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx2PeakInt8;
namespace {

typedef __m256i V;

// Sums of 32 bits, and as many of 16: all that fits the registers.
#define MINNOW_PEAK_SUMS(X) X(0) X(1) X(2) X(3) X(4) X(5)
const int kPeakSums = 6;

// All first products, then all second ones: in this order the core's pipes are busiest.
void RunPeak(size_t rounds) {
  V a = _mm256_set1_epi8(3);
  const V b = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
#define X(i) V sum##i = _mm256_setzero_si256(), part##i;
  MINNOW_PEAK_SUMS(X)
#undef X
  for (size_t round = 0; round < rounds; ++round) {
    // The empty statement may have changed the operand: no product is moved out of the loop.
#define X(i)                      \
  __asm__ volatile("" : "+x"(a)); \
  part##i = _mm256_maddubs_epi16(a, b);
    MINNOW_PEAK_SUMS(X)
#undef X
#define X(i)                      \
  __asm__ volatile("" : "+x"(a)); \
  part##i = _mm256_add_epi16(part##i, _mm256_maddubs_epi16(a, b));
    for (int word = 1; word < kInt8GroupWords; ++word) {
      MINNOW_PEAK_SUMS(X)
    }
#undef X
#define X(i) sum##i = _mm256_add_epi32(sum##i, _mm256_madd_epi16(part##i, ones));
    MINNOW_PEAK_SUMS(X)
#undef X
  }
#define X(i) __asm__ volatile("" : "+x"(sum##i));
  MINNOW_PEAK_SUMS(X)
#undef X
}

}  // namespace

const PeakLoop kAvx2PeakInt8 = {2.0 * 32 * (int)kInt8GroupWords * kPeakSums, RunPeak};
}  // namespace minnow
