// SPDX-License-Identifier: Apache-2.0
// Peak of fp32 products on AVX-512. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx512PeakF32;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+v"(x)
typedef __m512 V;
inline V VStep(V sum, V a, V b) { return _mm512_fmadd_ps(a, b, sum); }

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx512PeakF32 = {2.0 * 16 * kPeakChains, RunPeak};
}  // namespace minnow
