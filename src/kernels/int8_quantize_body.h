// SPDX-License-Identifier: Apache-2.0
// Quantisation of the rows of an int8 product, and what follows the product's integer sums.
//
// An ISA file defines LoadSums(p) (kLanes integer sums as floats), Quantum (an integer of x as it
// lies in memory), kQuantumBias (what is taken from q to store it) and StoreQuantized(out, x,
// offset, inverse) (kLanes of them) before it includes this file in its anonymous namespace, after
// vector_math_body.h.

#include "kernels/int8_finish_body.h"

size_t RowBytes(size_t inner) { return (inner * sizeof(Quantum) + 63) / 64 * 64; }

// Asymmetric and from one row alone, x times multiplier: offset is its minimum, 255 steps reach its
// maximum.
inline void QuantizeRow(const float* x, size_t inner, const float* multiplier, Quantum* out,
                        float* scale, float* offset) {
  const size_t full = inner / kLanes * kLanes, rest = inner - full;
  VF low = VSet(3.0e38f), high = VSet(-3.0e38f);
  for (size_t k = 0; k < full; k += kLanes) {
    const VF v = VMul(VLoad(x + k), VLoad(multiplier + k));
    low = VMin(low, v);
    high = VMax(high, v);
  }
  if (rest) {
    const VF v = VMul(VLoadPart(x + full, rest), VLoadPart(multiplier + full, rest));
    low = VMin(low, VSelectPart(rest, v, low));
    high = VMax(high, VSelectPart(rest, v, high));
  }
  const float minimum = -VReduceMax(VSub(VSet(0.0f), low));
  const float range = VReduceMax(high) - minimum;
  *scale = range / 255.0f;
  *offset = minimum + kQuantumBias * *scale;
  // A constant row has no steps: all zeros.
  const VF inverse = VSet(range > 0 ? 255.0f / range : 0.0f);
  const VF shift = VSet(minimum);
  for (size_t k = 0; k < full; k += kLanes)
    StoreQuantized(out + k, VMul(VLoad(x + k), VLoad(multiplier + k)), shift, inverse);
  if (rest) {
    const VF v = VMul(VLoadPart(x + full, rest), VLoadPart(multiplier + full, rest));
    StoreQuantized(out + full, VSelectPart(rest, v, shift), shift, inverse);
  }
}

void QuantizeRows(const float* x, size_t x_stride, size_t rows, size_t inner,
                  const float* multiplier, void* out, size_t out_stride_bytes, float* scale,
                  float* offset) {
  for (size_t r = 0; r < rows; ++r) {
    QuantizeRow(x + r * x_stride, inner, multiplier, (Quantum*)((char*)out + r * out_stride_bytes),
                scale + r, offset + r);
  }
}
