// SPDX-License-Identifier: Apache-2.0
// bf16 products by AMX tiles, for any number of rows: its sums are not those of AVX512-BF16, so the
// two never share a matrix. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512Bf16;
extern const MapKernels kAvx512Bf16Map;
extern const PackedKernels kAmxBf16;
namespace {

// clang-format off
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

#define MINNOW_TILE_DOT(c, a, b) _tile_dpbf16ps(c, a, b)
#include "kernels/amx_body.h"

size_t RowBytes(size_t inner) { return kAvx512Bf16.row_bytes(inner); }

// Tiles read whole 64 bytes: zeros stand behind a row, since a NaN there would outlive a product
// with zero.
void RoundRows(const float* x, size_t x_stride, size_t rows, size_t inner, const float* multiplier,
               void* out, size_t out_stride_bytes, float* scale, float* offset) {
  kAvx512Bf16.quantize_rows(x, x_stride, rows, inner, multiplier, out, out_stride_bytes, scale,
                            offset);
  const size_t used = (inner + 1) / 2 * 4, padding = RowBytes(inner) - used;
  if (padding == 0) return;
  for (size_t r = 0; r < rows; ++r)
    __builtin_memset((char*)out + r * out_stride_bytes + used, 0, padding);
}

void Matmul(const struct PackedMatmul* m) {
  const AmxOperands operands = {
      (const char*)m->x, m->x_stride_bytes, (const char*)m->w,         (m->inner + 1) / 2, m->y,
      m->y_stride,       m->rows,           m->columns / kPanelColumns};
  AmxProduct(operands, [m](size_t row, size_t rows, size_t column, size_t columns) {
    FinishFloats</*kShort=*/true>(m->y, m->y_stride, m->bias, m->residual, m->residual_stride,
                                  m->activation, row, rows, column, columns);
  });
}

}  // namespace

const PackedKernels kAmxBf16 = {"amx_bf16", RowBytes, RoundRows, Matmul, &kAvx512Bf16Map};
}  // namespace minnow
