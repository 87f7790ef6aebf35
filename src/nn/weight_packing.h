// SPDX-License-Identifier: Apache-2.0
// Weights from checkpoint order into kernel layout, in each precision.
//
// Letters: K in_features, N out_features. A weight is [N, K] row-major, as torch.nn.Linear holds
// it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "nn/dtype.h"

namespace minnow {

// Bytes of a packed weight: fp32 [N/16][K][16], bf16 [N/16][K/2][16][2], int8 [N/16][K/4][16][4],
// sizes rounded up.
size_t PackedWeightBytes(Dtype dtype, size_t in_features, size_t out_features);

// out: PackedWeightBytes(kBF16, ...); rounded to nearest, ties to even.
void PackBf16(const float* weight, size_t out_features, size_t in_features, uint16_t* out);

// Symmetric, a scale for each output channel: w ~ scale[n] * q, q in [-127, 127]. The scale is the
// one, of some below the largest magnitude's, that leaves the smallest squared error: a lone
// outlier need not cost all others their precision. Two neighbours (k even, k + 1) keep to
// kInt8PairSum, both made smaller by the same amount where need be. out: PackedWeightBytes(kInt8,
// ...); scale, sum: [N rounded up to 16], sum[n] = scale[n] * sum over k of q.
void PackInt8(const float* weight, size_t out_features, size_t in_features, int8_t* out,
              float* scale, float* sum);

// Rows of an embedding table as signed bytes with a scale for each row. table: [rows, columns] f32,
// maybe unaligned; out: [rows, columns]; scales: [rows].
void PackTableInt8(const float* table, size_t rows, size_t columns, int8_t* out, float* scales);

// As halves of bytes with an f16 scale for each group of 64 (kernels.h has the order).
// out: [rows, EmbeddingTable::RowBytes(kInt4)]; scales: [rows,
// EmbeddingTable::Int4Groups(columns)].
void PackTableInt4(const float* table, size_t rows, size_t columns, uint8_t* out, uint16_t* scales);

uint16_t RoundToBf16(float x);
uint16_t RoundToF16(float x);

}  // namespace minnow
