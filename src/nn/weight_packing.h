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
#include "nn/embedding_table.h"

namespace minnow {

// Bytes of a packed weight: fp32 [N/16][K][16], bf16 [N/16][K/2][16][2], int8 [N/16][K/4][16][4],
// sizes rounded up.
size_t PackedWeightBytes(Dtype dtype, size_t in_features, size_t out_features);

// out: PackedWeightBytes(kBF16, ...); rounded to nearest, ties to even.
void PackBf16(const float* weight, size_t out_features, size_t in_features, uint16_t* out);

// Rows of an embedding table as halves of bytes (kernels.h has the order) with a scale for each
// group of 64. table: [rows, columns] f32, maybe unaligned, at most kMaxInt4Columns; out: [rows,
// EmbeddingTable::RowBytes(kInt4)]; scales: [rows, EmbeddingTable::Int4ScaleBytes(columns)].
void PackTableInt4(const float* table, size_t rows, size_t columns, uint8_t* out, uint8_t* scales);

// Panels of fp32 as signed bytes, to store them: panel[k][n] ~ scale[n] * integer[k][n], the
// integers in the order of the panels and in [-127, 127]. panels, integers: [N/16][K][16]; scales:
// [N rounded up to 16].
void ShrinkPanels(const float* panels, size_t in_features, size_t out_features, int8_t* integers,
                  float* scales);
void ExpandPanels(const int8_t* integers, const float* scales, size_t in_features,
                  size_t out_features, float* panels);

// Whether all of `count` values, which may be unaligned, are finite. REQUIRES: type is kF32, kF16
// or kBF16
bool AllFinite(const void* values, size_t count, TableType type);

uint16_t RoundToBf16(float x);
uint16_t RoundToF16(float x);

// A product of two thin matrices, as an adapter adds it to a weight before it is packed.
struct LowRank {
  const float* up = nullptr;    // [rows, rank]
  const float* down = nullptr;  // [rank, columns]
  size_t rank = 0;
  float scale = 1;
};

// out += scale * up * down. out: [rows, columns]
void AddLowRank(const LowRank& product, size_t rows, size_t columns, float* out);

}  // namespace minnow
