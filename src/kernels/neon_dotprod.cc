// SPDX-License-Identifier: Apache-2.0
// int8 products by arm64's dot-product instructions. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <arm_neon.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kNeonDotprodInt8;
extern const MapInt8Kernels kNeonDotprodMapInt8;
namespace {

// clang-format off
#include "kernels/neon_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;   // four s8 of one column
typedef uint32_t XWord;  // four s8
typedef int8x16_t VW;    // 4 columns
typedef int8x16_t VX;
typedef int32x4_t VA;
static const int kTileLanes = 4;
static const int kTileVectors = 4;
inline VW VLoadWords(const Word* p) { return vld1q_s8((const int8_t*)p); }
inline VX VBroadcastWord(const XWord* p) { return vreinterpretq_s8_u32(vdupq_n_u32(*p)); }
inline VA VZeroAccumulator() { return vdupq_n_s32(0); }
inline VA VDot(VX a, VW b, VA accumulator) { return vdotq_s32(accumulator, b, a); }
inline void VStoreAccumulator(float* p, VA v) { vst1q_s32((int32_t*)p, v); }

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) { return vcvtq_f32_s32(vld1q_s32((const int32_t*)p)); }

// The instruction takes signed integers on both sides: q - 128 is stored.
typedef int8_t Quantum;
static constexpr float kQuantumBias = 128.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  const int32x4_t q = vsubq_s32(vcvtnq_s32_f32(VMul(VSub(x, offset), inverse)), vdupq_n_s32(128));
  const int16x4_t narrow = vmovn_s32(q);
  const int8x8_t bytes = vmovn_s16(vcombine_s16(narrow, narrow));
  __builtin_memcpy(out, &bytes, 4);
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

}  // namespace

const MapInt8Kernels kNeonDotprodMapInt8 = kMapInt8Kernels;
const PackedKernels kNeonDotprodInt8 = {"neon_dotprod", RowBytes, QuantizeRows,
                                        MatmulInt8,     nullptr,  &kNeonDotprodMapInt8};
}  // namespace minnow
