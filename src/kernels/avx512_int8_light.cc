// SPDX-License-Identifier: Apache-2.0
// int8 products on AVX-512 without VNNI for int16-safe weights, as avx2_int8_light.cc makes them. C
// headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512Int8Light;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 12  // and as many sums of 16 bits
#define MINNOW_GROUP_WORDS kInt8GroupWords
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;   // four s8 of one column
typedef uint32_t XWord;  // four u8
typedef __m512i VW;      // 16 columns
typedef __m512i VX;
typedef __m512i VA;
static const int kTileVectors = 2;
static const int kTileLanes = 16;
inline VW VLoadWords(const Word* p) { return _mm512_loadu_si512(p); }
inline VX VBroadcastWord(const XWord* p) { return _mm512_set1_epi32((int)*p); }
inline VA VZeroAccumulator() { return _mm512_setzero_si512(); }
typedef __m512i VP;  // 16 columns x 2 sums of 16 bits
inline VP VProducts(VX a, VW b) { return _mm512_maddubs_epi16(a, b); }
inline VP VAddProducts(VX a, VW b, VP sums) {
  VP sum = _mm512_add_epi16(sums, _mm512_maddubs_epi16(a, b));
  // Keeps GCC 12 from starting with all products of a step, which do not fit the registers.
  __asm__ volatile("" : "+v"(sum));
  return sum;
}
inline VA VWiden(VP sums, VA accumulator) {
  return _mm512_add_epi32(accumulator, _mm512_madd_epi16(sums, _mm512_set1_epi16(1)));
}
inline VA VDot(VX a, VW b, VA accumulator) { return VWiden(VProducts(a, b), accumulator); }
inline void VStoreAccumulator(float* p, VA v) { _mm512_storeu_si512(p, v); }

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }

typedef uint8_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  const __m512i q = _mm512_cvtps_epi32(VMul(VSub(x, offset), inverse));
  _mm_storeu_si128((__m128i*)out, _mm512_cvtepi32_epi8(q));
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

}  // namespace

const PackedKernels kAvx512Int8Light = {"avx512_light", RowBytes, QuantizeRows,
                                        MatmulInt8,     nullptr,  &kMapInt8Kernels};
}  // namespace minnow
