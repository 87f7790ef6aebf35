// SPDX-License-Identifier: Apache-2.0
// bf16 weights on AVX-512 without BF16: stored in bf16, computed in fp32. C headers and intrinsics
// only.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512SoftBf16;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 18
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

inline VF HighHalf(__m512i words) {
  return _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32((int)0xffff0000u)));
}
inline VF LowHalf(__m512i words) { return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)); }
inline VF VLow(const uint32_t* p) { return LowHalf(_mm512_loadu_si512(p)); }
inline VF VHigh(const uint32_t* p) { return HighHalf(_mm512_loadu_si512(p)); }
inline VF VLowOne(const uint32_t* p) { return LowHalf(_mm512_set1_epi32((int)*p)); }
inline VF VHighOne(const uint32_t* p) { return HighHalf(_mm512_set1_epi32((int)*p)); }

inline void VKeepOrder(VF& v) { __asm__ volatile("" : "+v"(v)); }

inline void VStoreWords(uint32_t* p, VF even, VF odd) {
  const __m512i high = _mm512_slli_epi32(VBf16Bits(odd), 16);
  _mm512_storeu_si512(p, _mm512_or_si512(high, VBf16Bits(even)));
}

#include "kernels/bf16_soft_body.h"

}  // namespace

const PackedKernels kAvx512SoftBf16 = {"avx512", RowBytes, RoundRows, MatmulBf16, &kMapKernels};
}  // namespace minnow
