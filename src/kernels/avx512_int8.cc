// SPDX-License-Identifier: Apache-2.0
// int8 products on AVX-512 without VNNI: widened to 16 bits, exact (see avx2_int8.cc). C headers
// and intrinsics only.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512Int8;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 18
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;   // four s8 of one column
typedef uint64_t XWord;  // four s16
typedef __m512i VW;      // 8 columns x 4 s16
typedef __m512i VX;
typedef __m512i VA;  // 8 columns x 2 partial sums
static const int kTileVectors = 2;
static const int kThinVectors = 4;
static const int kTileLanes = 8;
inline VW VLoadWords(const Word* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)p));
}
inline VX VBroadcastWord(const XWord* p) { return _mm512_set1_epi64((long long)*p); }
inline VA VZeroAccumulator() { return _mm512_setzero_si512(); }
inline VA VDot(VX a, VW b, VA accumulator) {
  VA sum = _mm512_add_epi32(accumulator, _mm512_madd_epi16(a, b));
  // Keeps GCC 12 from starting with all products of a step, which do not fit the registers.
  __asm__ volatile("" : "+v"(sum));
  return sum;
}
inline void VStoreAccumulator(float* p, VA v) {
  // Each 64-bit lane: sum of its halves in the low one; then the low halves side by side.
  const __m512i sums = _mm512_add_epi32(v, _mm512_srli_epi64(v, 32));
  _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi64_epi32(sums));
}

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }

typedef int16_t Quantum;
static const float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  const __m512i q = _mm512_cvtps_epi32(VMul(VSub(x, offset), inverse));
  _mm256_storeu_si256((__m256i*)out, _mm512_cvtepi32_epi16(q));
}

#include "kernels/int8_body.h"

}  // namespace

const PackedKernels kAvx512Int8 = {"avx512", RowBytes, QuantizeRows, MatmulInt8};
}  // namespace minnow
