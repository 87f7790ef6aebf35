// SPDX-License-Identifier: Apache-2.0
// int8 products for AVX2 with AVX-VNNI. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvxVnniInt8;
void AttentionAvxVnni(const AttentionF32* a);
size_t AttentionScratchAvxVnni(size_t length, size_t head_dim);
namespace {

// clang-format off
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
inline VA VDot(VX a, VW b, VA accumulator) { return _mm256_dpbusd_avx_epi32(accumulator, a, b); }
inline void VStoreAccumulator(float* p, VA v) { _mm256_storeu_si256((__m256i*)p, v); }

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) {
  return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i*)p));
}

inline void StoreBytes(uint8_t* out, VF x) {
  const __m256i q = _mm256_cvtps_epi32(x);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64((__m128i*)out, _mm_packus_epi16(words, words));
}

typedef uint8_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  StoreBytes(out, VMul(VSub(x, offset), inverse));
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

inline void VStoreWords(Word* p, VW v) { _mm256_storeu_si256((__m256i*)p, v); }
inline VW Words4(VF a, VF b, VF c, VF d) {
  const __m256i byte = _mm256_set1_epi32(255);
  const __m256i ab =
      _mm256_or_si256(_mm256_and_si256(_mm256_cvtps_epi32(a), byte),
                      _mm256_slli_epi32(_mm256_and_si256(_mm256_cvtps_epi32(b), byte), 8));
  const __m256i cd = _mm256_or_si256(_mm256_and_si256(_mm256_cvtps_epi32(c), byte),
                                     _mm256_slli_epi32(_mm256_cvtps_epi32(d), 8));
  return _mm256_or_si256(ab, _mm256_slli_epi32(cd, 16));
}

#include "kernels/attention_int8_body.h"

}  // namespace

void AttentionAvxVnni(const AttentionF32* a) { AttentionInt8Run(a); }
size_t AttentionScratchAvxVnni(size_t length, size_t head_dim) {
  return AttentionInt8ScratchFloats(length, head_dim);
}

const PackedKernels kAvxVnniInt8 = {"avx_vnni", RowBytes, QuantizeRows,
                                    MatmulInt8, nullptr,  &kMapInt8Kernels};
}  // namespace minnow
