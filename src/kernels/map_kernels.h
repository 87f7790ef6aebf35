// SPDX-License-Identifier: Apache-2.0
// MapKernels: products and attention over feature maps, in one precision; MapInt8Kernels: products
// of maps that are rounded to 8 bits on their way in; MapElementKernels: what is done to the
// elements of maps.
//
// A map holds pixels (or tokens) with their channels last, in fp32 or bf16. Products take words as
// they lie in a map: fp32 by fp32, or bf16 by bf16. Included by files of instruction sets: C
// headers only. The rules of kernels.h hold: no output depends on its neighbours, but
// attention of a query, by its last bits, on the queries of the same call.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernels/matmul_activation.h"

namespace minnow {

enum MapElement { kMapF32, kMapBf16 };

// What a product does with `residual`.
enum MapCombine {
  kCombineNone,
  kCombineAdd,                  // y = activation(sums) + residual
  kCombineAddBeforeActivation,  // y = activation(sums + residual)
  kCombineMultiply              // y = activation(sums) * residual
};

// y = activation(x W + bias + more), combined with a residual. x is lines of rows, and a row is
// segments of words that may overlap with those of other rows: a 3x3 convolution over an image with
// its border around it is a product with a line for each line of the image and a segment for each
// line of the kernel. One chain of sums over all segments in order.
struct MapProduct {
  const void* x;
  size_t x_stride;     // elements from row to row
  size_t line_stride;  // elements from line to line
  size_t segments;
  size_t segment_stride;  // elements from segment to segment
  size_t inner;           // elements of a segment: whole words, unless there is one segment
  const void* w;          // a packed weight with segments * inner inputs
  // Of int8 only: x = x_scale q + x_offset for each row, W = w_scale times an integer.
  const float* x_scale;
  const float* x_offset;
  size_t scale_stride;  // floats from row to row of both; 0: one for all
  size_t scale_line_stride;
  const float* w_scale;  // [columns]
  const float* w_sum;    // [columns]: w_scale[n] * sum over the inputs of the integers
  const float* bias;     // [columns]; null, not of int8: y is the sums, fp32, and nothing follows
  const float* more;     // [columns] or null
  size_t lines;
  size_t rows;     // of each line
  size_t columns;  // a multiple of kPanelColumns
  enum MatmulActivation activation;
  enum MapCombine combine;
  const void* residual;              // of the shape of y
  enum MapElement residual_element;  // kMapF32 if y is
  size_t residual_stride;            // elements from row to row
  size_t residual_line_stride;
  void* y;  // may be `residual`
  enum MapElement y_element;
  size_t y_stride;
  size_t y_line_stride;
};

// y = softmax(scale q k^T) v for one head and some queries of one image.
struct MapAttention {
  const void* q;    // [queries, D]: rows of the map
  size_t q_stride;  // elements from row to row; even, like those below
  const void* k;    // [length, D]
  size_t k_stride;
  const void* v;  // [length, D]
  size_t v_stride;
  void* packed;   // packed_bytes(length, D), aligned to 64 bytes: keys and values
  void* scratch;  // scratch_bytes(D), aligned to 64 bytes
  void* y;        // [queries, D]
  size_t y_stride;
  size_t first_query;  // of the first row of q and y; counts where `causal`
  size_t queries;      // at most kMapQueries
  size_t length;       // L >= 1
  size_t head_dim;     // D
  float scale;
  bool causal;  // query i attends to keys up to i
};
// Queries of one call.
enum { kMapQueries = 48 };

// Winograd's F(2x2, 3x3): a tile of 4 x 4 pixels, two apart from the next, becomes 16 numbers for
// each channel, one for each position of a tile; products are made position by position, and 16
// sums become 2 x 2 pixels.
enum { kMapWinogradPositions = 16 };
struct MapWinogradInput {
  const void* x;       // 4 lines of 2 * tiles + 2 pixels
  size_t x_stride;     // elements from pixel to pixel
  size_t line_stride;  // elements from line to line
  size_t tiles;
  size_t channels;
  void* y;                 // [16][tiles][channels]
  size_t y_stride;         // elements from tile to tile
  size_t position_stride;  // elements from position to position
};
struct MapWinogradOutput {
  const float* sums;       // [16][tiles][columns]
  size_t stride;           // floats from tile to tile
  size_t position_stride;  // floats from position to position
  // How the pixels are finished: up to 2 lines, of rows pixels, and columns up to
  // kMapWinogradColumns; x, w and what belongs to them are not read. Tiles: rows / 2, rounded up.
  const struct MapProduct* finish;
};
enum { kMapWinogradColumns = 96 };

struct MapKernels {
  void (*product)(const struct MapProduct* args);
  size_t (*attention_packed_bytes)(size_t length, size_t head_dim);
  size_t (*attention_scratch_bytes)(size_t head_dim);
  void (*pack_keys)(const struct MapAttention* args);  // fills `packed`
  void (*attend)(const struct MapAttention* args);     // reads q and `packed`
  void (*winograd_input)(const struct MapWinogradInput* args);
  void (*winograd_output)(const struct MapWinogradOutput* args);
};

// y[r][c] = activation(x[from[r]][c] * scale[c] + shift[c])
struct MapAffine {
  const void* x;
  enum MapElement x_element;
  size_t x_stride;       // elements
  const uint32_t* from;  // [rows]; null: r
  const float* scale;    // [channels]; null: neither scale nor shift
  const float* shift;    // [channels]
  enum MatmulActivation activation;
  void* y;
  enum MapElement y_element;
  size_t y_stride;
  size_t rows;
  size_t channels;
};

// Sums over rows of d = x - pivot and of d^2, for each channel.
struct MapSums {
  const void* x;
  enum MapElement element;
  size_t x_stride;
  size_t rows;
  size_t channels;
  const float* pivot;  // [channels]; may be `sum`
  float* sum;          // [channels]
  float* squares;      // [channels]
};

// The least and the largest element of each channel: low and high are widened by those of the rows.
struct MapRange {
  const void* x;
  enum MapElement element;
  size_t x_stride;
  size_t rows;
  size_t channels;
  float* low;   // [channels]
  float* high;  // [channels]
};

struct MapElementKernels {
  void (*affine)(const struct MapAffine* args);
  void (*sums)(const struct MapSums* args);
  void (*range)(const struct MapRange* args);
};

// y = the integers of what `values` tells of: round((value - offset) * inverse), limited to
// [0, 255]: a range that was computed otherwise may be left by a rounding error. Of `values`, y,
// y_element and y_stride are not read.
struct MapQuantize {
  const struct MapAffine* values;
  float offset;
  float inverse;
  void* y;
  size_t y_stride;  // integers
};

// An integer of x takes quantum_bytes in memory, and is stored less quantum_bias; what the offset
// of a MapProduct counts from is therefore offset + quantum_bias * scale.
struct MapInt8Kernels {
  size_t quantum_bytes;
  int quantum_bias;
  void (*product)(const struct MapProduct* args);
  void (*quantize)(const struct MapQuantize* args);
  // As in PackedKernels; of each row up to PaddedColumns(inner) integers are written.
  void (*quantize_rows)(const float* x, size_t x_stride, size_t rows, size_t inner,
                        const float* multiplier, void* out, size_t out_stride_bytes, float* scale,
                        float* offset);
};

}  // namespace minnow
