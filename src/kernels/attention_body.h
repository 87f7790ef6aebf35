// SPDX-License-Identifier: Apache-2.0
// fp32 attention over one text: scores of a few queries at a time stay in the first-level cache, so
// no [L, L] matrix and no second pass; included in an ISA file's anonymous namespace after
// tile_body.h.

inline size_t RoundUp16(size_t n) { return (n + 15) / 16 * 16; }

// Queries of one tile.
static const int kQueryRows = TileRows<kTileVectors>::kMost < 6 ? 6 : 8;

// Scratch: K^T packed [L/16][D][16], V packed [D/16][L][16], scores [kQueryRows][L rounded up], out
// [kQueryRows][D].
size_t AttentionScratchFloats(size_t length, size_t head_dim) {
  const size_t keys = RoundUp16(length);
  return keys * head_dim + RoundUp16(head_dim) * length + kQueryRows * keys +
         kQueryRows * RoundUp16(head_dim);
}

#include "kernels/attention_keys_body.h"

inline void PackValues(const float* v, size_t stride, size_t length, size_t head_dim,
                       float* packed) {
  for (size_t d = 0; d < head_dim; d += kPanelColumns) {
    float* panel = packed + d * length;
    const size_t used = head_dim - d < kPanelColumns ? head_dim - d : (size_t)kPanelColumns;
    for (size_t l = 0; l < length; ++l) {
      for (size_t j = 0; j < kPanelColumns; j += kLanes) {
        const float* source = v + l * stride + d + j;
        VF value = VSet(0.0f);
        if (j + kLanes <= used)
          value = VLoad(source);
        else if (j < used)
          value = VLoadPart(source, used - j);
        VStore(panel + l * kPanelColumns + j, value);
      }
    }
  }
}

// scores[0, length) -> s * scale + bias
inline void BiasRow(float* scores, size_t length, float scale, const float* bias) {
  const VF factor = VSet(scale);
  const size_t full = length / kLanes * kLanes;
  for (size_t i = 0; i < full; i += kLanes)
    VStore(scores + i, VMulAdd(VLoad(scores + i), factor, VLoad(bias + i)));
  if (const size_t rest = length - full)
    VStore(scores + full, VMulAdd(VLoad(scores + full), factor, VLoadPart(bias + full, rest)));
}

// scores[0, length) -> exp((s - max) * scale); returns 1 / their sum.
inline float SoftmaxRow(float* scores, size_t length, float scale) {
  const size_t full = length / kLanes * kLanes;
  const size_t rest = length - full;
  const VF lowest = VSet(-3.0e38f);
  VF most = lowest;
  for (size_t i = 0; i < full; i += kLanes) most = VMax(most, VLoad(scores + i));
  if (rest) most = VMax(most, VSelectPart(rest, VLoad(scores + full), lowest));
  const VF factor = VSet(scale * 1.44269504f);
  const VF shift = VMul(VSet(VReduceMax(most)), factor);
  VF sum = VSet(0.0f);
  for (size_t i = 0; i < full; i += kLanes) {
    const VF e = VExp2(VMulSub(VLoad(scores + i), factor, shift));
    sum = VAdd(sum, e);
    VStore(scores + i, e);
  }
  if (rest) {
    const VF e = VSelectPart(rest, VExp2(VMulSub(VLoad(scores + full), factor, shift)), VSet(0.0f));
    sum = VAdd(sum, e);
    VStore(scores + full, e);
  }
  return 1.0f / VReduceAdd(sum);
}

// Nothing follows the tiles of attention's products.
static const auto kNothing = [](size_t, size_t, size_t, size_t) {};

void AttentionHead(const struct AttentionF32* a, size_t head) {
  const size_t head_dim = a->head_dim, length = a->length;
  const size_t keys = RoundUp16(length), padded_dim = RoundUp16(head_dim);
  float* packed_k = a->scratch;
  float* packed_v = packed_k + keys * head_dim;
  float* scores = packed_v + padded_dim * length;
  float* out = scores + kQueryRows * keys;
  const size_t column = head * head_dim;
  PackKeys(a->k + column, a->qkv_stride, length, head_dim, packed_k);
  PackValues(a->v + column, a->qkv_stride, length, head_dim, packed_v);
  for (size_t row = 0; row < a->queries;) {
    const size_t rows = EvenTile(a->queries - row, kQueryRows);
    const float* q = a->q + row * a->qkv_stride + column;
    Product({q, a->qkv_stride, packed_k, head_dim, scores, keys, rows, keys / kPanelColumns},
            kNothing);
    float inverse[kQueryRows];
    for (size_t r = 0; r < rows; ++r) {
      float* of_row = scores + r * keys;
      if (a->bias) BiasRow(of_row, length, a->scale, a->bias + head * a->bias_stride - (row + r));
      inverse[r] = SoftmaxRow(of_row, length, a->bias ? 1.0f : a->scale);
    }
    Product({scores, keys, packed_v, length, out, padded_dim, rows, padded_dim / kPanelColumns},
            kNothing);
    for (size_t r = 0; r < rows; ++r) {
      float* context = a->context + (row + r) * a->context_stride + column;
      for (size_t d = 0; d < head_dim; d += kLanes) {
        const VF value = VMul(VLoad(out + r * padded_dim + d), VSet(inverse[r]));
        if (head_dim - d >= kLanes)
          VStore(context + d, value);
        else
          VStorePart(context + d, head_dim - d, value);
      }
    }
    row += rows;
  }
}

void AttentionF32Run(const struct AttentionF32* a) {
  for (size_t head = 0; head < a->heads; ++head) AttentionHead(a, head);
}
