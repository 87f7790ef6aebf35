// SPDX-License-Identifier: Apache-2.0
// int8 products over the tile of four 8-bit integers a word; included in an ISA file's anonymous
// namespace after tile_body.h, vector_math_body.h and what int8_quantize_body.h asks for. One that
// defines MINNOW_SUMS_IN_REGISTERS has ToFloats(VA), a vector of kLanes sums.

#include "kernels/int8_quantize_body.h"

#ifdef MINNOW_SUMS_IN_REGISTERS
// What follows is not begun before the sums are complete: GCC 12 would load its constants first, to
// registers that the sums need.
template <int R, int V>
__attribute__((always_inline)) inline void CompleteSums(VA (&acc)[R][V]) {
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) __asm__ volatile("" : "+v"(acc[r][v]));
  }
  __asm__ volatile("" ::: "memory");
}

// FinishSums for the frequent activations, before the sums leave the registers: the same bits.
template <enum MatmulActivation kActivation, bool kResidual>
struct FinishInRegisters {
  static const bool kInRegisters = true;
  const struct PackedMatmul* m;

  void operator()(size_t row, size_t rows, size_t column, size_t columns) const {
    FinishSums(m, row, rows, column, columns);
  }

  // A line is asked for while the tile that precedes its use runs.
  void Prefetch(size_t row, size_t rows, size_t column, size_t columns) const {
    for (size_t r = row; r < row + rows; ++r) {
      for (size_t c = column; c < column + columns; c += kLanes) {
        __builtin_prefetch(m->y + r * m->y_stride + c, /*rw=*/1, /*locality=*/3);
        if (kResidual)
          __builtin_prefetch(m->residual + r * m->residual_stride + c, /*rw=*/0, /*locality=*/3);
      }
    }
  }

  template <int R, int V>
  __attribute__((always_inline)) void Put(VA (&sums)[R][V], size_t row, size_t column) const {
    CompleteSums(sums);
    const float *x_scale = m->x_scale + row, *x_offset = m->x_offset + row;
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) {
      const size_t c = column + (size_t)v * kLanes;
      const VF w_scale = VLoad(m->w_scale + c), w_sum = VLoad(m->w_sum + c);
      const VF bias = VLoad(m->bias + c);
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
        const VF constant = VMulAdd(VSet(x_offset[r]), w_sum, bias);
        VF value = VActivate</*kShort=*/true>(
            VMulAdd(ToFloats(sums[r][v]), VMul(VSet(x_scale[r]), w_scale), constant), kActivation);
        if (kResidual)
          value = VAdd(value, VLoad(m->residual + (row + (size_t)r) * m->residual_stride + c));
        VStore(m->y + (row + (size_t)r) * m->y_stride + c, value);
      }
    }
  }
};
#endif

void MatmulInt8(const struct PackedMatmul* m) {
  const TileOperands operands = {(const XWord*)m->x,
                                 m->x_stride_bytes / sizeof(XWord),
                                 (const Word*)m->w,
                                 (m->inner + 3) / 4,
                                 m->y,
                                 m->y_stride,
                                 m->rows,
                                 m->columns / kPanelColumns};
#ifdef MINNOW_SUMS_IN_REGISTERS
  if (m->activation == kMatmulNone && m->residual)
    return WeightProduct(operands, FinishInRegisters<kMatmulNone, true>{m});
  if (m->activation == kMatmulNone)
    return WeightProduct(operands, FinishInRegisters<kMatmulNone, false>{m});
  if (m->activation == kMatmulGeluErf && !m->residual)
    return WeightProduct(operands, FinishInRegisters<kMatmulGeluErf, false>{m});
#endif
  WeightProduct(operands, [m](size_t row, size_t rows, size_t column, size_t columns) {
    FinishSums(m, row, rows, column, columns);
  });
}
