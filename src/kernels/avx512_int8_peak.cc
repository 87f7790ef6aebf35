// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX-512 without VNNI: peak_light_body.h. C headers and intrinsics only;
// see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx512PeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+v"(x)
#define MINNOW_PEAK_SUMS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
const int kPeakSums = 12;
typedef __m512i V;
inline V VBytes(char byte) { return _mm512_set1_epi8(byte); }
inline V VProducts(V a, V b) { return _mm512_maddubs_epi16(a, b); }
inline V VAddProducts(V a, V b, V sums) {
  return _mm512_add_epi16(sums, _mm512_maddubs_epi16(a, b));
}
inline V VWiden(V sums, V accumulator) {
  return _mm512_add_epi32(accumulator, _mm512_madd_epi16(sums, _mm512_set1_epi16(1)));
}

#include "kernels/peak_light_body.h"

}  // namespace

const PeakLoop kAvx512PeakInt8 = {2.0 * (512 / 8) * (int)kInt8GroupWords * kPeakSums, RunPeak};
}  // namespace minnow
