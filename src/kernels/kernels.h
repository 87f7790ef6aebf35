// SPDX-License-Identifier: Apache-2.0
// Kernels: one table of functions for each instruction set, chosen once when the program starts.
//
// This header is read by files that are compiled with -mavx...: it includes C headers only and
// defines no function. All functions are total, allocate nothing, and may run on any thread. The
// value of an output row depends on the shape and the bits of its own input row alone, never on its
// neighbours, on how rows are grouped, or on the thread: every sum runs in one fixed order. Tables
// of different instruction sets may differ in the last bits.
//
// Letters: T rows (tokens), K inputs, N outputs of a matrix product; L tokens of one text; H
// attention heads; D head size.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernels/map_kernels.h"
#include "kernels/matmul_activation.h"
#include "kernels/scan.h"

namespace minnow {

// Columns of one block of a packed weight, on every instruction set.
enum { kPanelColumns = 16 };
// int8 weights are int16-safe when products may be added up in 16 bits: of each column, inputs are
// taken kInt8GroupWords words of four at a time; the first two of each word make one group, the
// last two another. The positive integers of a group add up to kInt8GroupSum at most, and so do the
// magnitudes of the negative ones: 255 * 128 fits 16 bits.
enum { kInt8GroupWords = 3, kInt8GroupSum = 128 };
// Elements of an int4 embedding row that share a scale.
enum { kInt4Group = 64 };
// Keys of one text in 8-bit attention: 255 * 127 times as many fit 32 bits.
enum { kMaxInt8Keys = 65536 };
// Of longer texts, probabilities are rounded with dither.
enum { kMostKeysWithoutDither = 128 };

// y = activation(x W + bias) + residual, in fp32.
struct MatmulF32 {
  const float* x;         // [T, K]
  size_t x_stride;        // floats from row to row
  const float* w;         // [N/16][K][16], N rounded up to 16 with zeros
  const float* bias;      // [N rounded up to 16], never null
  const float* residual;  // [T, N rounded up to 16], or null; must not be y
  size_t residual_stride;
  float* y;  // [T, N rounded up to 16]: padding columns are written too; must not be x
  size_t y_stride;
  size_t rows;     // T
  size_t inner;    // K
  size_t columns;  // N rounded up to 16
  enum MatmulActivation activation;
};

// context = softmax(scale Q K^T + bias) V for some queries of one text; every key of that text
// takes part.
struct AttentionF32 {
  const float* q;     // [queries, H*D]: the rows of these queries
  const float* k;     // [L, H*D]
  const float* v;     // [L, H*D]
  size_t qkv_stride;  // floats from row to row of q, k and v
  float* context;     // [queries, H*D]
  size_t context_stride;
  size_t queries;
  size_t length;    // L
  size_t heads;     // H
  size_t head_dim;  // D
  float scale;      // 1 / sqrt(D)
  float* scratch;   // attention_scratch_floats(L, D) floats, aligned to 64 bytes
  // Of head h, query i and key j (rows of q and k): bias[h * bias_stride + j - i], so that a table
  // by distance serves queries from any position on. j - i runs from 1 - queries to L - 1; null: no
  // bias.
  const float* bias;
  size_t bias_stride;  // floats from head to head
};

struct LayerNormF32 {
  const float* x;  // [T, C]
  size_t x_stride;
  const float* gamma;  // [C]
  const float* beta;   // [C]
  float epsilon;
  float* y;  // [T, C]; may be x
  size_t y_stride;
  size_t rows;
  size_t channels;  // C
};

// y = x / sqrt(mean(x^2) + epsilon) * weight
struct RmsNormF32 {
  const float* x;  // [T, C]
  size_t x_stride;
  const float* weight;  // [C]
  float epsilon;
  float* y;  // [T, C]; may be x
  size_t y_stride;
  size_t rows;
  size_t channels;  // C
};

// context = softmax(scale q K^T + bias) V for one query over keys and values that earlier steps
// left in slots of a cache. Some of the heads: move q, keys, values, bias and context to the first.
struct CachedAttentionF32 {
  const float* q;         // [H*D]
  const float* keys;      // [H][slots][D]: of head h and slot s: keys + h * head_stride + s * D
  const float* values;    // likewise
  size_t head_stride;     // floats from head to head of keys and values
  const uint32_t* slots;  // [L]: the slot of each key; null: key j is in slot j
  size_t length;          // L >= 1
  // Of head h and key j: bias[h * bias_stride + j]; null: no bias.
  const float* bias;
  size_t bias_stride;  // floats from head to head
  size_t heads;        // H
  size_t head_dim;     // D
  float scale;
  float* scores;   // scratch: [L rounded up to 16]
  float* context;  // [H*D]; may be q
};

// y = activation(x W + bias) + residual, with x and W in a lower precision, exact i32 or fp32 sums,
// and y in fp32. int8: x = x_scale q + x_offset with q unsigned; W = w_scale times a signed
// integer.
struct PackedMatmul {
  const void* x;  // [T] rows of row_bytes(K), made by quantize_rows
  size_t x_stride_bytes;
  const float* x_scale;   // [T]; int8 only
  const float* x_offset;  // [T]; int8 only
  const void*
      w;  // int8: [N/16][K/4][16][4] s8; bf16: [N/16][K/2][16][2]; K and N rounded up with zeros
  const float* w_scale;  // [N rounded up to 16]; int8 only
  const float* w_sum;    // [N rounded up to 16]: w_scale[n] * sum over k of the integers; int8 only
  const float* bias;     // [N rounded up to 16], never null
  const float* residual;  // [T, N rounded up to 16], or null; must not be y
  size_t residual_stride;
  float* y;  // [T, N rounded up to 16]
  size_t y_stride;
  size_t rows;     // T
  size_t inner;    // K
  size_t columns;  // N rounded up to 16
  enum MatmulActivation activation;
};

// The kernels of one lower precision.
struct PackedKernels {
  const char* name;
  size_t (*row_bytes)(size_t inner);  // bytes of one row of x; a multiple of 64
  // x: [T, K] f32 -> out: [T] rows of row_bytes(K), and for int8 scale: [T] and offset: [T], from
  // that row alone. multiplier: [K], int8 only: each channel is multiplied by it first.
  void (*quantize_rows)(const float* x, size_t x_stride, size_t rows, size_t inner,
                        const float* multiplier, void* out, size_t out_stride_bytes, float* scale,
                        float* offset);
  void (*matmul)(const struct PackedMatmul* args);
  const struct MapKernels* map = nullptr;           // bf16 only
  const struct MapInt8Kernels* map_int8 = nullptr;  // int8, unless int8_light has it
};

struct Kernels {
  const char* name;  // "avx512", as in MINNOW_ISA

  void (*matmul_f32)(const struct MatmulF32* args);
  // weight: [N, K] row-major, as checkpoints hold it (y = x weight^T) -> packed [N/16][K][16];
  // `weight` may be unaligned.
  void (*pack_f32)(const float* weight, size_t columns, size_t inner, float* packed);
  void (*attention_f32)(const struct AttentionF32* args);
  size_t (*attention_scratch_floats)(size_t length, size_t head_dim);
  void (*cached_attention_f32)(const struct CachedAttentionF32* args);
  void (*layer_norm_f32)(const struct LayerNormF32* args);
  void (*rms_norm_f32)(const struct RmsNormF32* args);
  // out[c] = sum of x[t][c] in order of t. x: [rows, C]
  void (*sum_rows_f32)(const float* x, size_t x_stride, size_t rows, size_t channels, float* out);
  // x: [n] -> x / max(|x|, 1e-12), in place (the bound is that of torch.nn.functional.normalize).
  void (*normalize_f32)(float* x, size_t n);
  // y = activation(y), in place; for Dense modules and tests.
  void (*activate_f32)(float* y, size_t n, enum MatmulActivation activation);

  // out[c] += row[c], for rows of embedding tables. `row` may be unaligned.
  void (*add_row_f32)(const float* row, size_t n, float* out);
  // out[c] += scale * row[c]
  void (*add_row_i8)(const int8_t* row, float scale, size_t n, float* out);
  // row: [n/64][32] bytes, byte j of a group holds element j in its low half and j + 32 in its high
  // half, each plus 8; scales: [n/64], n rounded up to 64. out[c] += scale * (element - 8)
  void (*add_row_i4)(const uint8_t* row, const float* scales, size_t n, float* out);

  const struct PackedKernels* bf16;
  const struct PackedKernels* int8;
  // The same for int16-safe weights, where that is faster; else null. The sums are as exact.
  const struct PackedKernels* int8_light;
  // attention_f32 with products in a lower precision (inputs and outputs are fp32 still), or
  // attention_f32 itself.
  void (*attention_packed)(const struct AttentionF32* args);
  size_t (*attention_packed_scratch_floats)(size_t length, size_t head_dim);

  const struct ScanKernels* scan;  // of the vector search

  const struct MapKernels* map_f32;
  const struct MapElementKernels* map_elements;

  // attention_f32 for int8 models, with queries, keys, values and probabilities in 8 bits, where
  // that is faster; else null. REQUIRES: L <= kMaxInt8Keys.
  void (*attention_int8)(const struct AttentionF32* args) = nullptr;
  size_t (*attention_int8_scratch_floats)(size_t length, size_t head_dim) = nullptr;
};

}  // namespace minnow
