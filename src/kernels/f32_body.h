// SPDX-License-Identifier: Apache-2.0
// The fp32 kernels of every SIMD instruction set, written once over a small vector type.
//
// An ISA file defines, in its anonymous namespace, VF (a vector of kLanes floats), kMaxAccumulators
// and the V... functions, and then includes this file there; so all code here has internal linkage.

typedef float Word;
typedef float XWord;
typedef VF VW;
typedef VF VX;
static const int kTileLanes = kLanes;
typedef VF VA;
inline VW VLoadWords(const Word* p) { return VLoad(p); }
inline VX VBroadcastWord(const XWord* p) { return VSet(*p); }
inline VA VZeroAccumulator() { return VSet(0.0f); }
inline VA VDot(VX a, VW b, VA accumulator) { return VMulAdd(a, b, accumulator); }
inline void VStoreAccumulator(float* p, VA v) { VStore(p, v); }
inline void VStoreWords(Word* p, VF v, VF) { VStore(p, v); }

typedef float Element;  // of x
static const int kWordElements = 1;
static const bool kShortMath = false;

// In this order: each uses the one before.
// clang-format off
#include "kernels/vector_math_body.h"
#include "kernels/tile_body.h"
#include "kernels/attention_body.h"
#include "kernels/cached_attention_body.h"
#include "kernels/map_vectors_body.h"
#include "kernels/map_element_body.h"
#include "kernels/map_product_body.h"
#include "kernels/map_attention_body.h"
#include "kernels/map_winograd_body.h"
// clang-format on

void ActivateF32(float* y, size_t n, enum MatmulActivation activation) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    VStore(y + i, VActivate</*kShort=*/false>(VLoad(y + i), activation));
  if (i < n)
    VStorePart(y + i, n - i, VActivate</*kShort=*/false>(VLoadPart(y + i, n - i), activation));
}

void MatmulF32Run(const struct MatmulF32* m) {
  const TileOperands operands = {m->x, m->x_stride, m->w,    m->inner,
                                 m->y, m->y_stride, m->rows, m->columns / kPanelColumns};
  WeightProduct(operands, [m](size_t row, size_t rows, size_t column, size_t columns) {
    FinishFloats</*kShort=*/false>(m->y, m->y_stride, m->bias, m->residual, m->residual_stride,
                                   m->activation, row, rows, column, columns);
  });
}

void PackF32(const float* weight, size_t columns, size_t inner, float* packed) {
  for (size_t n = 0; n < columns; n += kPanelColumns) {
    const size_t used = columns - n < kPanelColumns ? columns - n : (size_t)kPanelColumns;
    float* panel = packed + n * inner;
    // Blocks of 16 inputs: the lines of 16 source rows and of one destination run stay in the
    // first-level cache.
    for (size_t k0 = 0; k0 < inner; k0 += kPanelColumns) {
      const size_t k1 = k0 + kPanelColumns < inner ? k0 + kPanelColumns : inner;
      if (used == kPanelColumns && k1 - k0 == kPanelColumns) {
        Transpose16(weight + n * inner + k0, inner, panel + k0 * kPanelColumns);
        continue;
      }
      for (size_t k = k0; k < k1; ++k) {
        for (size_t j = 0; j < kPanelColumns; ++j) {
          float value = 0.0f;
          if (j < used) __builtin_memcpy(&value, weight + (n + j) * inner + k, sizeof value);
          panel[k * kPanelColumns + j] = value;
        }
      }
    }
  }
}

inline VF LoadUpTo(const float* p, size_t n) { return n >= kLanes ? VLoad(p) : VLoadPart(p, n); }

inline void StoreUpTo(float* p, size_t n, VF value) {
  if (n >= kLanes)
    VStore(p, value);
  else
    VStorePart(p, n, value);
}

// Sum over the vectors f(i, n) that start at i and have n valid lanes (n may exceed kLanes). Two
// chains, joined in a fixed order.
template <class F>
inline float ReduceSum(size_t count, const F& f) {
  VF even = VSet(0.0f), odd = VSet(0.0f);
  size_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    even = VAdd(even, f(i, (size_t)kLanes));
    odd = VAdd(odd, f(i + kLanes, (size_t)kLanes));
  }
  if (i + kLanes <= count) {
    even = VAdd(even, f(i, (size_t)kLanes));
    i += kLanes;
  }
  if (i < count) odd = VAdd(odd, VSelectPart(count - i, f(i, count - i), VSet(0.0f)));
  return VReduceAdd(VAdd(even, odd));
}

void LayerNormF32Run(const struct LayerNormF32* l) {
  const size_t channels = l->channels;
  for (size_t row = 0; row < l->rows; ++row) {
    const float* x = l->x + row * l->x_stride;
    float* y = l->y + row * l->y_stride;
    const float sum = ReduceSum(channels, [&](size_t i, size_t n) { return LoadUpTo(x + i, n); });
    const VF mean = VSet(sum / (float)channels);
    const float squares = ReduceSum(channels, [&](size_t i, size_t n) {
      const VF d = VSub(LoadUpTo(x + i, n), mean);
      return VMul(d, d);
    });
    const VF scale = VSet(1.0f / __builtin_sqrtf(squares / (float)channels + l->epsilon));
    for (size_t i = 0; i < channels; i += kLanes) {
      const size_t n = channels - i;
      const VF normal = VMul(VSub(LoadUpTo(x + i, n), mean), scale);
      StoreUpTo(y + i, n, VMulAdd(normal, LoadUpTo(l->gamma + i, n), LoadUpTo(l->beta + i, n)));
    }
  }
}

void RmsNormF32Run(const struct RmsNormF32* r) {
  const size_t channels = r->channels;
  for (size_t row = 0; row < r->rows; ++row) {
    const float* x = r->x + row * r->x_stride;
    float* y = r->y + row * r->y_stride;
    const float squares = ReduceSum(channels, [&](size_t i, size_t n) {
      const VF v = LoadUpTo(x + i, n);
      return VMul(v, v);
    });
    const VF scale = VSet(1.0f / __builtin_sqrtf(squares / (float)channels + r->epsilon));
    for (size_t i = 0; i < channels; i += kLanes) {
      const size_t n = channels - i;
      StoreUpTo(y + i, n, VMul(VMul(LoadUpTo(x + i, n), scale), LoadUpTo(r->weight + i, n)));
    }
  }
}

void SumRowsF32(const float* x, size_t x_stride, size_t rows, size_t channels, float* out) {
  for (size_t c = 0; c < channels; c += kLanes) {
    const size_t n = channels - c;
    VF sum = VSet(0.0f);
    for (size_t t = 0; t < rows; ++t) sum = VAdd(sum, LoadUpTo(x + t * x_stride + c, n));
    StoreUpTo(out + c, n, sum);
  }
}

void NormalizeF32(float* x, size_t n) {
  const float square = ReduceSum(n, [&](size_t i, size_t part) {
    const VF v = LoadUpTo(x + i, part);
    return VMul(v, v);
  });
  const float norm = __builtin_sqrtf(square);
  const VF divisor = VSet(norm > 1e-12f ? norm : 1e-12f);
  for (size_t i = 0; i < n; i += kLanes)
    StoreUpTo(x + i, n - i, VDiv(LoadUpTo(x + i, n - i), divisor));
}

#include "kernels/embedding_body.h"
