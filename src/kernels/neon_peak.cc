// SPDX-License-Identifier: Apache-2.0
// Peak of fp32 products on NEON. C headers and intrinsics only; see cmake/kernels.cmake.
#include <arm_neon.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kNeonPeakF32;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+w"(x)
typedef float32x4_t V;
inline V VStep(V sum, V a, V b) { return vfmaq_f32(sum, a, b); }

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kNeonPeakF32 = {2.0 * 4 * kPeakChains, RunPeak};
}  // namespace minnow
