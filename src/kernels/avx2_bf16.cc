// SPDX-License-Identifier: Apache-2.0
// bf16 weights on AVX2: stored in bf16, computed in fp32. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx2Bf16;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 8
#include "kernels/avx2_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

inline VF HighHalf(__m256i words) {
  return _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32((int)0xffff0000u)));
}
inline VF LowHalf(__m256i words) { return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)); }
inline VF VLow(const uint32_t* p) { return LowHalf(_mm256_loadu_si256((const __m256i*)p)); }
inline VF VHigh(const uint32_t* p) { return HighHalf(_mm256_loadu_si256((const __m256i*)p)); }
inline VF VLowOne(const uint32_t* p) { return LowHalf(_mm256_set1_epi32((int)*p)); }
inline VF VHighOne(const uint32_t* p) { return HighHalf(_mm256_set1_epi32((int)*p)); }

inline void VKeepOrder(VF& v) { __asm__ volatile("" : "+x"(v)); }

inline void VStoreWords(uint32_t* p, VF even, VF odd) {
  const __m256i high = _mm256_slli_epi32(VBf16Bits(odd), 16);
  _mm256_storeu_si256((__m256i*)p, _mm256_or_si256(high, VBf16Bits(even)));
}

#include "kernels/bf16_soft_body.h"

}  // namespace

const PackedKernels kAvx2Bf16 = {"avx2", RowBytes, RoundRows, MatmulBf16, &kMapKernels};
}  // namespace minnow
