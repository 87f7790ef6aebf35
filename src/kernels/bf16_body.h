// SPDX-License-Identifier: Apache-2.0
// bf16 products over the tile of two bf16 a word; included in an ISA file's anonymous namespace
// after the tile's types, vector_math_body.h and VStoreWords(p, even, odd), which rounds two
// vectors of floats to a vector of words.

typedef uint16_t Element;  // of x
static const int kWordElements = 2;
static const bool kShortMath = true;

// In this order: each uses the one before.
// clang-format off
#include "kernels/tile_body.h"
#include "kernels/map_vectors_body.h"
#include "kernels/map_product_body.h"
#include "kernels/map_attention_body.h"
#include "kernels/map_winograd_body.h"
// clang-format on

size_t RowBytes(size_t inner) { return (inner * 2 + 63) / 64 * 64; }

void MatmulBf16(const struct PackedMatmul* m) {
  const TileOperands operands = {(const XWord*)m->x,
                                 m->x_stride_bytes / sizeof(XWord),
                                 (const Word*)m->w,
                                 (m->inner + 1) / 2,
                                 m->y,
                                 m->y_stride,
                                 m->rows,
                                 m->columns / kPanelColumns};
  WeightProduct(operands, [m](size_t row, size_t rows, size_t column, size_t columns) {
    FinishFloats</*kShort=*/true>(m->y, m->y_stride, m->bias, m->residual, m->residual_stride,
                                  m->activation, row, rows, column, columns);
  });
}
