// SPDX-License-Identifier: Apache-2.0
// int8 products over the tile of four 8-bit integers a word; included in an ISA file's anonymous
// namespace after tile_body.h, vector_math_body.h and what int8_quantize_body.h asks for.

#include "kernels/int8_quantize_body.h"

void MatmulInt8(const struct PackedMatmul* m) {
  const TileOperands operands = {(const XWord*)m->x,
                                 m->x_stride_bytes / sizeof(XWord),
                                 (const Word*)m->w,
                                 (m->inner + 3) / 4,
                                 m->y,
                                 m->y_stride,
                                 m->rows,
                                 m->columns / kPanelColumns};
  WeightProduct(operands, [m](size_t row, size_t rows, size_t column, size_t columns) {
    FinishSums(m, row, rows, column, columns);
  });
}
