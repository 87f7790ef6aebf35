// SPDX-License-Identifier: Apache-2.0
// int8 products by arm64's matrix multiply (usmmla: two rows of x by two columns, eight of K at a
// time). C headers and intrinsics only; see cmake/kernels.cmake.
#include <arm_neon.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kNeonI8mmInt8;
extern const MapInt8Kernels kNeonDotprodMapInt8;
namespace {

// clang-format off
#include "kernels/neon_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

inline VF LoadSums(const float* p) { return vcvtq_f32_s32(vld1q_s32((const int32_t*)p)); }

typedef uint8_t Quantum;
static constexpr float kQuantumBias = 0.0f;
inline void StoreQuantized(Quantum* out, VF x, VF offset, VF inverse) {
  const uint16x4_t narrow = vmovn_u32(vcvtnq_u32_f32(VMul(VSub(x, offset), inverse)));
  const uint8x8_t bytes = vmovn_u16(vcombine_u16(narrow, narrow));
  __builtin_memcpy(out, &bytes, 4);
}

#include "kernels/int8_quantize_body.h"

enum { kMostPairs = 4, kBlockColumns = 8, kWordBytes = 4 };

// Columns 0-7 of two words of K -> four pairs of columns, each with eight bytes of K.
inline void LoadColumnPairs(const int8_t* word, const int8_t* next, int8x16_t b[4]) {
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const int32x4_t low = vreinterpretq_s32_s8(vld1q_s8(word + 16 * half));
    const int32x4_t high = vreinterpretq_s32_s8(vld1q_s8(next + 16 * half));
    b[2 * half] = vreinterpretq_s8_s32(vzip1q_s32(low, high));
    b[2 * half + 1] = vreinterpretq_s8_s32(vzip2q_s32(low, high));
  }
}

// y [2 Pairs rows, 8 columns] of integer sums. `rows` may be one less than 2 Pairs: the last row is
// then read twice and written once. w: 8 columns of a panel.
template <int Pairs>
void Block(const uint8_t* x, size_t x_stride, size_t rows, const int8_t* w, size_t words, float* y,
           size_t y_stride) {
  static const int8_t kZeros[kBlockColumns * kWordBytes] = {0};
  const size_t word_bytes = (size_t)kPanelColumns * kWordBytes;
  int32x4_t acc[Pairs][4];
#pragma GCC unroll 4
  for (int p = 0; p < Pairs; ++p) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) acc[p][c] = vdupq_n_s32(0);
  }
  for (size_t k = 0; k < words; k += 2) {
    int8x16_t b[4];
    // What stands behind an odd word of x meets zeros; a row of x is padded to 64 bytes.
    LoadColumnPairs(w + k * word_bytes, k + 1 < words ? w + (k + 1) * word_bytes : kZeros, b);
#pragma GCC unroll 4
    for (int p = 0; p < Pairs; ++p) {
      const uint8_t* upper = x + 2 * p * x_stride + k * kWordBytes;
      const uint8_t* lower = (size_t)(2 * p + 1) < rows ? upper + x_stride : upper;
      const uint8x16_t a = vcombine_u8(vld1_u8(upper), vld1_u8(lower));
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) acc[p][c] = vusmmlaq_s32(acc[p][c], a, b[c]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < Pairs; ++p) {
    float* to = y + 2 * p * y_stride;
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) vst1_s32((int32_t*)(to + 2 * c), vget_low_s32(acc[p][c]));
    if ((size_t)(2 * p + 1) >= rows) continue;
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c)
      vst1_s32((int32_t*)(to + y_stride + 2 * c), vget_high_s32(acc[p][c]));
  }
}

void Matmul(const struct PackedMatmul* m) {
  static void (*const kBlocks[])(const uint8_t*, size_t, size_t, const int8_t*, size_t, float*,
                                 size_t) = {Block<1>, Block<2>, Block<3>, Block<4>};
  const size_t words = (m->inner + 3) / 4, most = 2 * kMostPairs;
  for (size_t column = 0; column < m->columns; column += kBlockColumns) {
    const int8_t* w = (const int8_t*)m->w + column / kPanelColumns * kPanelColumns * words * 4 +
                      column % kPanelColumns * (size_t)kWordBytes;
    for (size_t row = 0; row < m->rows;) {
      const size_t blocks = (m->rows - row + most - 1) / most;
      size_t rows = (m->rows - row + blocks - 1) / blocks;
      rows += rows % 2 != 0 && rows < m->rows - row;
      kBlocks[(rows - 1) / 2]((const uint8_t*)m->x + row * m->x_stride_bytes, m->x_stride_bytes,
                              rows, w, words, m->y + row * m->y_stride + column, m->y_stride);
      FinishSums(m, row, rows, column, kBlockColumns);
      row += rows;
    }
  }
}

}  // namespace

const PackedKernels kNeonI8mmInt8 = {"neon_i8mm", RowBytes, QuantizeRows,
                                     Matmul,      nullptr,  &kNeonDotprodMapInt8};
}  // namespace minnow
