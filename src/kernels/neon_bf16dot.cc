// SPDX-License-Identifier: Apache-2.0
// bf16 products by arm64's BF16 dot products. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <arm_neon.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kNeonBf16Dot;
namespace {

// clang-format off
#include "kernels/neon_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;  // two bf16, the first in the low half
typedef uint32_t XWord;
typedef bfloat16x8_t VW;  // 4 columns
typedef bfloat16x8_t VX;
typedef float32x4_t VA;
static const int kTileLanes = 4;
static const int kTileVectors = 4;
inline VW VLoadWords(const Word* p) { return vreinterpretq_bf16_u32(vld1q_u32(p)); }
inline VX VBroadcastWord(const XWord* p) { return vreinterpretq_bf16_u32(vdupq_n_u32(*p)); }
inline VA VZeroAccumulator() { return vdupq_n_f32(0.0f); }
inline VA VDot(VX a, VW b, VA accumulator) { return vbfdotq_f32(accumulator, a, b); }
inline void VStoreAccumulator(float* p, VA v) { vst1q_f32(p, v); }

inline void VStoreWords(Word* p, VF even, VF odd) {
  vst1q_u32(p, vorrq_u32(vshlq_n_u32(VBf16Bits(odd), 16), VBf16Bits(even)));
}

#include "kernels/bf16_body.h"

inline void StoreRounded(uint16_t* to, VF v) {
  const uint16x4_t halves = vreinterpret_u16_bf16(vcvt_bf16_f32(v));
  __builtin_memcpy(to, &halves, sizeof halves);
}

// A row ends on a whole word, filled up with zero.
void RoundRows(const float* x, size_t x_stride, size_t rows, size_t inner, const float*, void* out,
               size_t out_stride_bytes, float*, float*) {
  for (size_t r = 0; r < rows; ++r) {
    const float* from = x + r * x_stride;
    uint16_t* to = (uint16_t*)((char*)out + r * out_stride_bytes);
    size_t k = 0;
    for (; k + kLanes <= inner; k += kLanes) StoreRounded(to + k, VLoad(from + k));
    // In bounds: a row of `out` is a multiple of 64 bytes.
    if (k < inner) StoreRounded(to + k, VLoadPart(from + k, inner - k));
  }
}

}  // namespace

const PackedKernels kNeonBf16Dot = {"neon_bf16", RowBytes, RoundRows, MatmulBf16, &kMapKernels};
}  // namespace minnow
