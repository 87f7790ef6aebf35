// SPDX-License-Identifier: Apache-2.0
// int8 products on NEON without dot products: widened to 16 bits, exact. C headers and intrinsics
// only.
#include <arm_neon.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kNeonInt8;
namespace {

// clang-format off
#define MINNOW_MAX_ACCUMULATORS 10
#include "kernels/neon_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;   // four s8 of one column
typedef uint64_t XWord;  // four s16
typedef int16x8_t VW;    // 2 columns x 4 s16
typedef int16x4_t VX;
struct TwoColumns {
  int32x4_t first, second;
};
typedef TwoColumns VA;
static const int kTileLanes = 2;
static const int kTileVectors = 2;
inline VW VLoadWords(const Word* p) { return vmovl_s8(vld1_s8((const int8_t*)p)); }
inline VX VBroadcastWord(const XWord* p) { return vld1_s16((const int16_t*)p); }
inline VA VZeroAccumulator() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
inline VA VDot(VX a, VW b, VA accumulator) {
  return {vmlal_s16(accumulator.first, a, vget_low_s16(b)),
          vmlal_s16(accumulator.second, a, vget_high_s16(b))};
}
inline void VStoreAccumulator(float* p, VA v) {
  const int32_t sums[2] = {vaddvq_s32(v.first), vaddvq_s32(v.second)};
  __builtin_memcpy(p, sums, sizeof sums);
}

#include "kernels/tile_body.h"

inline VF LoadSums(const float* p) { return vcvtq_f32_s32(vld1q_s32((const int32_t*)p)); }

typedef int16_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  vst1_s16(out, vmovn_s32(vcvtnq_s32_f32(VMul(VSub(x, offset), inverse))));
}

// clang-format off
#include "kernels/int8_body.h"
#include "kernels/map_int8_body.h"
// clang-format on

}  // namespace

const PackedKernels kNeonInt8 = {"neon",     RowBytes, QuantizeRows,
                                 MatmulInt8, nullptr,  &kMapInt8Kernels};
}  // namespace minnow
