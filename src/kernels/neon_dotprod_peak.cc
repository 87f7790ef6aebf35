// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products by arm64's dot-product instructions. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <arm_neon.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kNeonDotprodPeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+w"(x)
typedef int32x4_t V;
inline V VStep(V sum, V a, V b) {
  return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kNeonDotprodPeakInt8 = {2.0 * 16 * kPeakChains, RunPeak};
}  // namespace minnow
