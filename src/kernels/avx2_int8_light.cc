// SPDX-License-Identifier: Apache-2.0
// int8 products on AVX2 for int16-safe weights. C headers and intrinsics only; see
// cmake/kernels.cmake.
//
// vpmaddubsw adds two u8 x s8 products in 16 bits, where they saturate. The weights are int16-safe
// enough (kInt8GroupSum) for the sums of kInt8GroupWords such instructions to fit, so only those
// are widened: the same integers as VNNI's, from seven instructions for 96 products, where
// avx2_int8.cc takes twelve and more.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx2Int8Light;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 6  // and as many sums of 16 bits
#define MINNOW_GROUP_WORDS kInt8GroupWords
#include "kernels/avx2_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;   // four s8 of one column
typedef uint32_t XWord;  // four u8
typedef __m256i VW;      // 8 columns
typedef __m256i VX;
typedef __m256i VA;
static const int kTileVectors = 2;
static const int kTileLanes = 8;
inline VW VLoadWords(const Word* p) { return _mm256_loadu_si256((const __m256i*)p); }
inline VX VBroadcastWord(const XWord* p) { return _mm256_set1_epi32((int)*p); }
inline VA VZeroAccumulator() { return _mm256_setzero_si256(); }
typedef __m256i VP;  // 8 columns x 2 sums of 16 bits
inline VP VProducts(VX a, VW b) { return _mm256_maddubs_epi16(a, b); }
inline VP VAddProducts(VX a, VW b, VP sums) {
  VP sum = _mm256_add_epi16(sums, _mm256_maddubs_epi16(a, b));
  // Keeps GCC 12 from starting with all products of a step, which do not fit the registers.
  __asm__ volatile("" : "+x"(sum));
  return sum;
}
inline VA VWiden(VP sums, VA accumulator) {
  return _mm256_add_epi32(accumulator, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}
inline VA VDot(VX a, VW b, VA accumulator) { return VWiden(VProducts(a, b), accumulator); }
inline void VStoreAccumulator(float* p, VA v) { _mm256_storeu_si256((__m256i*)p, v); }

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) {
  return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i*)p));
}

typedef uint8_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  const __m256i q = _mm256_cvtps_epi32(VMul(VSub(x, offset), inverse));
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64((__m128i*)out, _mm_packus_epi16(words, words));
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

}  // namespace

const PackedKernels kAvx2Int8Light = {"avx2_light", RowBytes, QuantizeRows,
                                      MatmulInt8,   nullptr,  &kMapInt8Kernels};
}  // namespace minnow
