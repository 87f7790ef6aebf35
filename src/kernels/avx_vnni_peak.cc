// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX2 with AVX-VNNI. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvxVnniPeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+x"(x)
typedef __m256i V;
inline V VStep(V sum, V a, V b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvxVnniPeakInt8 = {2.0 * 32 * kPeakChains, RunPeak};
}  // namespace minnow
