// SPDX-License-Identifier: Apache-2.0
// int8 products on AVX2. C headers and intrinsics only; see cmake/kernels.cmake.
//
// Without VNNI, u8 x s8 sums (vpmaddubsw) saturate at 16 bits. Here both sides are widened to 16
// bits and multiplied by vpmaddwd, whose sums are exact: the same integers as VNNI gives, at two
// thirds of vpmaddubsw's best speed.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx2Int8;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 12
#include "kernels/avx2_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;   // four s8 of one column
typedef uint64_t XWord;  // four s16
typedef __m256i VW;      // 4 columns x 4 s16
typedef __m256i VX;
typedef __m256i VA;  // 4 columns x 2 partial sums
static const int kTileVectors = 2;
static const int kTileLanes = 4;
inline VW VLoadWords(const Word* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)p));
}
inline VX VBroadcastWord(const XWord* p) { return _mm256_set1_epi64x((long long)*p); }
inline VA VZeroAccumulator() { return _mm256_setzero_si256(); }
inline VA VDot(VX a, VW b, VA accumulator) {
  VA sum = _mm256_add_epi32(accumulator, _mm256_madd_epi16(a, b));
  // Keeps GCC 12 from starting with all products of a step, which do not fit the registers.
  __asm__ volatile("" : "+x"(sum));
  return sum;
}
inline void VStoreAccumulator(float* p, VA v) {
  const __m256i sums = _mm256_hadd_epi32(v, v);  // columns 0 1 0 1 | 2 3 2 3
  _mm_storeu_si128((__m128i*)p, _mm_unpacklo_epi64(_mm256_castsi256_si128(sums),
                                                   _mm256_extracti128_si256(sums, 1)));
}

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) {
  return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i*)p));
}

typedef int16_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  const __m256i q = _mm256_cvtps_epi32(VMul(VSub(x, offset), inverse));
  _mm_storeu_si128((__m128i*)out,
                   _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1)));
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

}  // namespace

const PackedKernels kAvx2Int8 = {"avx2",     RowBytes, QuantizeRows,
                                 MatmulInt8, nullptr,  &kMapInt8Kernels};
}  // namespace minnow
