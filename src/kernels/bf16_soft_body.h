// SPDX-License-Identifier: Apache-2.0
// bf16 products where the processor has none: weights and rows are stored in bf16, multiplied and
// summed in fp32.
//
// An ISA file defines VLow(p) and VHigh(p) (kLanes words -> the first and the second bf16 of each,
// as floats) and the same for one broadcast word, VLowOne and VHighOne, and VKeepOrder(v), which
// keeps the compiler from starting with all products of a step where they would not fit the
// registers, before it includes this file in its anonymous namespace.

typedef uint32_t Word;  // two bf16, the first in the low half
typedef uint32_t XWord;
struct BothHalves {
  VF low, high;
};
typedef BothHalves VW;
typedef BothHalves VX;
typedef VF VA;
static const int kTileVectors = 2;
static const int kTileLanes = kLanes;
inline VW VLoadWords(const Word* p) { return {VLow(p), VHigh(p)}; }
inline VX VBroadcastWord(const XWord* p) { return {VLowOne(p), VHighOne(p)}; }
inline VA VZeroAccumulator() { return VSet(0.0f); }
inline VA VDot(const VX& a, const VW& b, VA accumulator) {
  VF sum = VMulAdd(a.high, b.high, VMulAdd(a.low, b.low, accumulator));
  VKeepOrder(sum);
  return sum;
}
inline void VStoreAccumulator(float* p, VA v) { VStore(p, v); }

#include "kernels/bf16_body.h"

// To nearest, ties to even; a NaN stays one.
inline uint16_t RoundToBf16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}

void RoundRows(const float* x, size_t x_stride, size_t rows, size_t inner, const float*, void* out,
               size_t out_stride_bytes, float*, float*) {
  for (size_t r = 0; r < rows; ++r) {
    uint16_t* to = (uint16_t*)((char*)out + r * out_stride_bytes);
    for (size_t k = 0; k < inner; ++k) to[k] = RoundToBf16(x[r * x_stride + k]);
    if (inner % 2 != 0) to[inner] = 0;
  }
}
