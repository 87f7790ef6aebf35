// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX2: vpmaddubsw, whose sums may saturate, is the fastest there is. C
// headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx2PeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+x"(x)
typedef __m256i V;
inline V VStep(V sum, V a, V b) {
  const V ones = _mm256_set1_epi16(1);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx2PeakInt8 = {2.0 * 32 * kPeakChains, RunPeak};
}  // namespace minnow
