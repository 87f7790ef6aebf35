// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products by arm64's matrix instruction. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <arm_neon.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kNeonI8mmPeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+w"(x)
typedef int32x4_t V;
inline V VStep(V sum, V a, V b) {
  return vmmlaq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kNeonI8mmPeakInt8 = {2.0 * 32 * kPeakChains, RunPeak};
}  // namespace minnow
