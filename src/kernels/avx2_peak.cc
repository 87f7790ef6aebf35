// SPDX-License-Identifier: Apache-2.0
// Peak of fp32 products on AVX2. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx2PeakF32;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+x"(x)
typedef __m256 V;
inline V VStep(V sum, V a, V b) { return _mm256_fmadd_ps(a, b, sum); }

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx2PeakF32 = {2.0 * 8 * kPeakChains, RunPeak};
}  // namespace minnow
