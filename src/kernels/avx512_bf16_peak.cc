// SPDX-License-Identifier: Apache-2.0
// Peak of bf16 products on AVX-512 with BF16. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx512Bf16PeakBf16;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+v"(x)
typedef __m512 V;
inline V VStep(V sum, V a, V b) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx512Bf16PeakBf16 = {2.0 * 32 * kPeakChains, RunPeak};
}  // namespace minnow
