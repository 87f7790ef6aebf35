// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on NEON without dot products: smull, smlal2 and sadalp. C headers and
// intrinsics only; see cmake/kernels.cmake.
#include <arm_neon.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kNeonPeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+w"(x)
typedef int32x4_t V;
inline V VStep(V sum, V a, V b) {
  const int8x16_t x = vreinterpretq_s8_s32(a), w = vreinterpretq_s8_s32(b);
  const int16x8_t products = vmull_s8(vget_low_s8(x), vget_low_s8(w));
  return vpadalq_s16(sum, vmlal_high_s8(products, x, w));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kNeonPeakInt8 = {2.0 * 16 * kPeakChains, RunPeak};
}  // namespace minnow
