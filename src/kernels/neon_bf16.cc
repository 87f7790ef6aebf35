// SPDX-License-Identifier: Apache-2.0
// bf16 weights on NEON: stored in bf16, computed in fp32. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <arm_neon.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kNeonBf16;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 16
#include "kernels/neon_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

inline VF HighHalf(uint32x4_t words) {
  return vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff0000u)));
}
inline VF LowHalf(uint32x4_t words) { return vreinterpretq_f32_u32(vshlq_n_u32(words, 16)); }
inline VF VLow(const uint32_t* p) { return LowHalf(vld1q_u32(p)); }
inline VF VHigh(const uint32_t* p) { return HighHalf(vld1q_u32(p)); }
inline VF VLowOne(const uint32_t* p) { return LowHalf(vdupq_n_u32(*p)); }
inline VF VHighOne(const uint32_t* p) { return HighHalf(vdupq_n_u32(*p)); }
inline void VKeepOrder(VF& v) { __asm__ volatile("" : "+w"(v)); }

inline void VStoreWords(uint32_t* p, VF even, VF odd) {
  vst1q_u32(p, vorrq_u32(vshlq_n_u32(VBf16Bits(odd), 16), VBf16Bits(even)));
}

#include "kernels/bf16_soft_body.h"

}  // namespace

const PackedKernels kNeonBf16 = {"neon", RowBytes, RoundRows, MatmulBf16, &kMapKernels};
}  // namespace minnow
