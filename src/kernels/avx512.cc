// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 (F, BW, VL, DQ). C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const Kernels kAvx512Kernels;
extern const ScanKernels kAvx512Scan;
extern const PackedKernels kAvx512SoftBf16;
extern const PackedKernels kAvx2Int8;
extern const PackedKernels kAvx512Int8Light;
namespace {

static const int kTileVectors = 4;

// In this order: the second uses the first.
// clang-format off
#include "kernels/avx512_vector_body.h"
#include "kernels/f32_body.h"
// clang-format on

}  // namespace

const Kernels kAvx512Kernels = {"avx512",
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
                                &kAvx512SoftBf16,
                                &kAvx2Int8,  // of files whose weights are not int16-safe
                                &kAvx512Int8Light,
                                AttentionF32Run,
                                AttentionScratchFloats,
                                &kAvx512Scan,
                                &kMapKernels,
                                &kMapElementKernels};
}  // namespace minnow
