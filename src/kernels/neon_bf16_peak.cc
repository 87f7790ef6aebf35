// SPDX-License-Identifier: Apache-2.0
// Peak of bf16 products by arm64's dot-product instruction. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <arm_neon.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kNeonBf16PeakBf16;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+w"(x)
typedef float32x4_t V;
inline V VStep(V sum, V a, V b) {
  return vbfdotq_f32(sum, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b));
}

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kNeonBf16PeakBf16 = {2.0 * 8 * kPeakChains, RunPeak};
}  // namespace minnow
