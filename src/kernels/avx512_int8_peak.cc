// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX-512 without VNNI: vpmaddubsw, whose sums may saturate. C headers and
// intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx512PeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+v"(x)
typedef __m512i V;
inline V VStep(V sum, V a, V b) {
  const V ones = _mm512_set1_epi16(1);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), ones));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx512PeakInt8 = {2.0 * 64 * kPeakChains, RunPeak};
}  // namespace minnow
