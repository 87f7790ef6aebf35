// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products on AVX-512 with VNNI. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>
#include <string.h>

#include "kernels/peak_loops.h"

namespace minnow {
extern const PeakLoop kAvx512VnniPeakInt8;
namespace {

#define MINNOW_PEAK_REGISTER(x) "+v"(x)
typedef __m512i V;
inline V VStep(V sum, V a, V b) { return _mm512_dpbusd_epi32(sum, a, b); }

#include "kernels/peak_body.h"

}  // namespace

const PeakLoop kAvx512VnniPeakInt8 = {2.0 * 64 * kPeakChains, RunPeak};
}  // namespace minnow
