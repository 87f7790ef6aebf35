// SPDX-License-Identifier: Apache-2.0
// int8 products by AMX tiles: the bits of AVX-512 VNNI, whose rows these are. C headers and
// intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512VnniInt8;
extern const PackedKernels kAmxInt8;
extern const MapInt8Kernels kAvx512VnniMapInt8;
namespace {

// clang-format off
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

#define MINNOW_TILE_DOT(c, a, b) _tile_dpbusd(c, a, b)
#include "kernels/amx_body.h"

inline VF LoadSums(const float* p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }

#include "kernels/int8_finish_body.h"

// A tile product takes the time of 16 rows however few it has: below this, VNNI's integers (the
// same ones) are no slower by count of instructions.
enum { kFewestRows = 3 };

size_t RowBytes(size_t inner) { return kAvx512VnniInt8.row_bytes(inner); }

void QuantizeRows(const float* x, size_t x_stride, size_t rows, size_t inner,
                  const float* multiplier, void* out, size_t out_stride_bytes, float* scale,
                  float* offset) {
  kAvx512VnniInt8.quantize_rows(x, x_stride, rows, inner, multiplier, out, out_stride_bytes, scale,
                                offset);
}

void Matmul(const struct PackedMatmul* m) {
  if (m->rows < kFewestRows) return kAvx512VnniInt8.matmul(m);
  const AmxOperands operands = {
      (const char*)m->x, m->x_stride_bytes, (const char*)m->w,         (m->inner + 3) / 4, m->y,
      m->y_stride,       m->rows,           m->columns / kPanelColumns};
  AmxProduct(operands, [m](size_t row, size_t rows, size_t column, size_t columns) {
    FinishSums(m, row, rows, column, columns);
  });
}

}  // namespace

const PackedKernels kAmxInt8 = {"amx_int8", RowBytes, QuantizeRows,
                                Matmul,     nullptr,  &kAvx512VnniMapInt8};
}  // namespace minnow
