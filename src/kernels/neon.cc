// SPDX-License-Identifier: Apache-2.0
// Kernels for arm64's Advanced SIMD (NEON). C headers and intrinsics only; see cmake/kernels.cmake.
#include <arm_neon.h>

#include "kernels/kernels.h"

namespace minnow {
extern const Kernels kNeonKernels;
extern const ScanKernels kNeonScan;
extern const PackedKernels kNeonBf16;
extern const PackedKernels kNeonInt8;
namespace {

// clang-format off
#include "kernels/neon_vector_body.h"
// clang-format on

static const int kTileVectors = 4;

#include "kernels/f32_body.h"

}  // namespace

const Kernels kNeonKernels = {"neon",
                              MatmulF32Run,
                              PackF32,
                              AttentionF32Run,
                              AttentionScratchFloats,
                              CachedAttentionF32Run,
                              LayerNormF32Run,
                              RmsNormF32Run,
                              SumRowsF32,
                              NormalizeF32,
                              ActivateF32,
                              AddRowF32,
                              AddRowI8,
                              AddRowI4,
                              &kNeonBf16,
                              &kNeonInt8,
                              /*int8_light=*/nullptr,
                              AttentionF32Run,
                              AttentionScratchFloats,
                              &kNeonScan,
                              &kMapKernels,
                              &kMapElementKernels};
}  // namespace minnow
