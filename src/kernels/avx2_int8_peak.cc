// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX2: vpmaddubsw, the fastest there is, with as many sums of 16 bits as
// light weights allow before they are widened. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx2PeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+x"(x)
typedef __m256i V;
inline V VStep(V sum, V a, V b) {
  const V ones = _mm256_set1_epi16(1);
  V sums = _mm256_maddubs_epi16(a, b);
  for (int word = 1; word < kInt8GroupWords; ++word) {
    // The empty statement may have changed the operand: no product is made only once.
    __asm__ volatile("" : MINNOW_PEAK_REGISTER(a));
    sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(a, b));
  }
  return _mm256_add_epi32(sum, _mm256_madd_epi16(sums, ones));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx2PeakInt8 = {2.0 * 32 * (int)kInt8GroupWords * kPeakChains, RunPeak};
}  // namespace minnow
