// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX2 with FMA. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const Kernels kAvx2Kernels;
extern const ScanKernels kAvx2Scan;
extern const PackedKernels kAvx2Bf16;
extern const PackedKernels kAvx2Int8;
extern const PackedKernels kAvx2Int8Light;
namespace {

static const int kTileVectors = 2;

// In this order: the second uses the first.
// clang-format off
#include "kernels/avx2_vector_body.h"
#include "kernels/f32_body.h"
// clang-format on

}  // namespace

const Kernels kAvx2Kernels = {"avx2",
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
                              &kAvx2Bf16,
                              &kAvx2Int8,
                              &kAvx2Int8Light,
                              AttentionF32Run,
                              AttentionScratchFloats,
                              &kAvx2Scan,
                              &kMapKernels,
                              &kMapElementKernels};
}  // namespace minnow
