// SPDX-License-Identifier: Apache-2.0
// int8 products for AVX-512 with VNNI. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512VnniInt8;
extern const MapInt8Kernels kAvx512VnniMapInt8;
void AttentionAvx512Vnni(const AttentionF32* a);
size_t AttentionScratchAvx512Vnni(size_t length, size_t head_dim);
namespace {

// clang-format off
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;
typedef uint32_t XWord;
typedef __m512i VW;
typedef __m512i VX;
typedef __m512i VA;
static const int kTileVectors = 4;
static const int kTileLanes = 16;
inline VW VLoadWords(const Word* p) { return _mm512_loadu_si512(p); }
inline VX VBroadcastWord(const XWord* p) { return _mm512_set1_epi32((int)*p); }
inline VA VZeroAccumulator() { return _mm512_setzero_si512(); }
inline VA VDot(VX a, VW b, VA accumulator) { return _mm512_dpbusd_epi32(accumulator, a, b); }
inline void VStoreAccumulator(float* p, VA v) { _mm512_storeu_si512(p, v); }

#include "kernels/tile_body.h"

// The integer sums that a tile left in y, as floats.
inline VF LoadSums(const float* p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }

#define MINNOW_SUMS_IN_REGISTERS
inline VF ToFloats(VA sums) { return _mm512_cvtepi32_ps(sums); }

inline void StoreBytes(uint8_t* out, VF x) {
  _mm_storeu_si128((__m128i*)out, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

// q = round((x - offset) / scale) in [0, 255], a vector at a time.
typedef uint8_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  StoreBytes(out, VMul(VSub(x, offset), inverse));
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

inline void VStoreWords(Word* p, VW v) { _mm512_storeu_si512(p, v); }
inline VW Words4(VF a, VF b, VF c, VF d) {
  const __m512i byte = _mm512_set1_epi32(255);
  const __m512i ab =
      _mm512_or_si512(_mm512_and_si512(_mm512_cvtps_epi32(a), byte),
                      _mm512_slli_epi32(_mm512_and_si512(_mm512_cvtps_epi32(b), byte), 8));
  const __m512i cd = _mm512_or_si512(_mm512_and_si512(_mm512_cvtps_epi32(c), byte),
                                     _mm512_slli_epi32(_mm512_cvtps_epi32(d), 8));
  return _mm512_or_si512(ab, _mm512_slli_epi32(cd, 16));
}

#include "kernels/attention_int8_body.h"

}  // namespace

void AttentionAvx512Vnni(const AttentionF32* a) { AttentionInt8Run(a); }
size_t AttentionScratchAvx512Vnni(size_t length, size_t head_dim) {
  return AttentionInt8ScratchFloats(length, head_dim);
}

const MapInt8Kernels kAvx512VnniMapInt8 = kMapInt8Kernels;
const PackedKernels kAvx512VnniInt8 = {"avx512_vnni", RowBytes, QuantizeRows,
                                       MatmulInt8,    nullptr,  &kAvx512VnniMapInt8};
}  // namespace minnow
