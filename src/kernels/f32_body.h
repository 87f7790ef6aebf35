// SPDX-License-Identifier: Apache-2.0
// The fp32 kernels of every SIMD instruction set, written once over a small vector type.
//
// An ISA file defines, in its anonymous namespace, VF (a vector of kLanes floats), kMaxAccumulators
// and the V... functions, and then includes this file there; so all code here has internal linkage.
// Each output element is one chain of fused multiply-adds over K in order, whatever the tile:
// grouping rows differently cannot change a bit.

// --- elementwise functions
// ------------------------------------------------------------------------------------------

// exp(x) for x clamped to [-87, 88], within 2 ulp: 2^n times a polynomial for exp(r), |r| <=
// ln(2)/2.
inline VF VExp(VF x) {
  x = VMax(VMin(x, VSet(88.0f)), VSet(-87.0f));
  const VF n = VRound(VMul(x, VSet(1.44269504f)));
  // ln(2) in two parts: the first has few bits, so that n * high is exact.
  VF r = VNegMulAdd(n, VSet(0.693359375f), x);
  r = VNegMulAdd(n, VSet(-2.12194440e-4f), r);
  // Taylor's series to r^6: its error at |r| = 0.347 is below half a unit in the last place.
  VF p = VSet(1.0f / 720);
  p = VMulAdd(p, r, VSet(1.0f / 120));
  p = VMulAdd(p, r, VSet(1.0f / 24));
  p = VMulAdd(p, r, VSet(1.0f / 6));
  p = VMulAdd(p, r, VSet(0.5f));
  p = VMulAdd(p, r, VSet(1.0f));
  p = VMulAdd(p, r, VSet(1.0f));
  return VScale2(p, n);
}

// x * Phi(x), Phi the normal distribution: GELU in its erf form. Phi(x) - 1/2 = x P(x^2) / Q(x^2)
// on [-5.5, 5.5], fitted by iteratively reweighted least squares to an error of 2e-8; beyond, Phi
// is 0 or 1 within 2e-8.
inline VF VGeluErf(VF x) {
  const VF c = VMax(VMin(x, VSet(5.5f)), VSet(-5.5f));
  const VF s = VMul(c, c);
  VF p = VSet(2.221615780229058e-08f);
  p = VMulAdd(p, s, VSet(6.530602604470914e-06f));
  p = VMulAdd(p, s, VSet(1.8284899124410003e-04f));
  p = VMulAdd(p, s, VSet(4.761561751365662e-03f));
  p = VMulAdd(p, s, VSet(3.514150530099869e-02f));
  p = VMulAdd(p, s, VSet(3.989419937133789e-01f));
  VF q = VSet(1.1953942475884105e-06f);
  q = VMulAdd(q, s, VSet(7.860690675443038e-05f));
  q = VMulAdd(q, s, VSet(1.9623839762061834e-03f));
  q = VMulAdd(q, s, VSet(2.939821220934391e-02f));
  q = VMulAdd(q, s, VSet(2.547502815723419e-01f));
  q = VMulAdd(q, s, VSet(1.0f));
  return VMul(x, VMulAdd(c, VDiv(p, q), VSet(0.5f)));
}

inline VF VSigmoid(VF x) { return VDiv(VSet(1.0f), VAdd(VSet(1.0f), VExp(VSub(VSet(0.0f), x)))); }

// tanh(x) = 2 sigmoid(2x) - 1
inline VF VTanh(VF x) { return VMulAdd(VSet(2.0f), VSigmoid(VAdd(x, x)), VSet(-1.0f)); }

// GELU's tanh form: x/2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
inline VF VGeluTanh(VF x) {
  const VF cube = VMul(VMul(x, x), x);
  return VMul(x, VSigmoid(VMul(VSet(1.5957691216f), VMulAdd(cube, VSet(0.044715f), x))));
}

inline VF VActivate(VF x, enum MatmulActivation activation) {
  switch (activation) {
    case kMatmulNone:
      return x;
    case kMatmulGeluErf:
      return VGeluErf(x);
    case kMatmulGeluTanh:
      return VGeluTanh(x);
    case kMatmulRelu:
      return VMax(x, VSet(0.0f));
    case kMatmulTanh:
      return VTanh(x);
    case kMatmulSigmoid:
      return VSigmoid(x);
  }
  return x;
}

void ActivateF32(float* y, size_t n, enum MatmulActivation activation) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) VStore(y + i, VActivate(VLoad(y + i), activation));
  if (i < n) VStorePart(y + i, n - i, VActivate(VLoadPart(y + i, n - i), activation));
}

// --- matrix product
// -------------------------------------------------------------------------------------------------

static const int kVectorsPerPanel = (int)kPanelColumns / kLanes;

// y tile [R, 16*P] = x [R, K] times P packed panels. All R*P*kVectorsPerPanel accumulators live in
// registers: every loop over them is unrolled, since GCC 12 spills the whole array when one is not.
template <int R, int P>
__attribute__((noinline)) void Tile(const float* x, size_t x_stride, const float* w,
                                    size_t panel_stride, size_t inner, float* y, size_t y_stride) {
  static const int kV = P * kVectorsPerPanel;
  VF acc[R][kV];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < kV; ++v) acc[r][v] = VSet(0.0f);
  }
  for (size_t k = 0; k < inner; ++k) {
    VF b[kV];
#pragma GCC unroll 32
    for (int v = 0; v < kV; ++v) {
      b[v] = VLoad(w + (v / kVectorsPerPanel) * panel_stride + k * kPanelColumns +
                   (v % kVectorsPerPanel) * kLanes);
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
      const VF a = VSet(x[r * x_stride + k]);
#pragma GCC unroll 32
      for (int v = 0; v < kV; ++v) acc[r][v] = VMulAdd(a, b[v], acc[r][v]);
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < kV; ++v) VStore(y + r * y_stride + v * kLanes, acc[r][v]);
  }
}

typedef void (*TileFunction)(const float* x, size_t x_stride, const float* w, size_t panel_stride,
                             size_t inner, float* y, size_t y_stride);

// Rows that fill the registers when P panels are taken at a time.
template <int P>
struct TileRows {
  static const int kMost = kMaxAccumulators / (P * kVectorsPerPanel);
};

template <int P, int R>
TileFunction TileIfFits() {
  if constexpr (R <= TileRows<P>::kMost)
    return Tile<R, P>;
  else
    return 0;
}

// REQUIRES: 1 <= rows <= TileRows<P>::kMost
template <int P>
TileFunction TileFor(size_t rows) {
  static const TileFunction kTable[] = {
      TileIfFits<P, 1>(), TileIfFits<P, 2>(),  TileIfFits<P, 3>(),  TileIfFits<P, 4>(),
      TileIfFits<P, 5>(), TileIfFits<P, 6>(),  TileIfFits<P, 7>(),  TileIfFits<P, 8>(),
      TileIfFits<P, 9>(), TileIfFits<P, 10>(), TileIfFits<P, 11>(), TileIfFits<P, 12>()};
  return kTable[rows - 1];
}

// Bias, activation and residual over a tile that the product just wrote, in the first-level cache.
inline void FinishTile(const struct MatmulF32* m, size_t row, size_t rows, size_t column,
                       size_t columns) {
  for (size_t r = row; r < row + rows; ++r) {
    float* y = m->y + r * m->y_stride;
    const float* residual = m->residual ? m->residual + r * m->residual_stride : 0;
    for (size_t c = column; c < column + columns; c += kLanes) {
      VF value = VActivate(VAdd(VLoad(y + c), VLoad(m->bias + c)), m->activation);
      if (residual) value = VAdd(value, VLoad(residual + c));
      VStore(y + c, value);
    }
  }
}

// Rows of the next tile when `rows` remain and a tile takes at most `most`: as even as possible, so
// that no tile is too thin to hide the latency of its multiply-adds.
inline size_t EvenTile(size_t rows, size_t most) {
  const size_t tiles = (rows + most - 1) / most;
  return (rows + tiles - 1) / tiles;
}

// All rows of P panels from `first_panel` on.
template <int P>
void MatmulPanels(const struct MatmulF32* m, size_t first_panel) {
  const size_t most = TileRows<P>::kMost < 12 ? TileRows<P>::kMost : 12;
  const size_t panel_stride = m->inner * kPanelColumns;
  const float* w = m->w + first_panel * panel_stride;
  const size_t column = first_panel * kPanelColumns;
  for (size_t row = 0; row < m->rows;) {
    const size_t rows = EvenTile(m->rows - row, most);
    TileFor<P>(rows)(m->x + row * m->x_stride, m->x_stride, w, panel_stride, m->inner,
                     m->y + row * m->y_stride + column, m->y_stride);
    FinishTile(m, row, rows, column, P * kPanelColumns);
    row += rows;
  }
}

void MatmulF32Run(const struct MatmulF32* m) {
  const size_t panels = m->columns / kPanelColumns;
  size_t p = 0;
  if constexpr (TileRows<4>::kMost >= 4) {
    // Very few rows: many panels at a time, for more chains in flight.
    if constexpr (TileRows<8>::kMost >= 3) {
      if (m->rows <= 3) {
        for (; p + 8 <= panels; p += 8) MatmulPanels<8>(m, p);
      }
    }
    // 8 x 48 or 6 x 64: whichever leaves fewer multiply-adds to half-filled tiles.
    const size_t work3 = (m->rows + 7) / 8 * 8, work4 = (m->rows + 5) / 6 * 6;
    if (work3 < work4 && m->rows > 3) {
      for (; p + 3 <= panels; p += 3) MatmulPanels<3>(m, p);
    }
    for (; p + 4 <= panels; p += 4) MatmulPanels<4>(m, p);
  }
  for (; p + 2 <= panels && TileRows<2>::kMost >= 3; p += 2) MatmulPanels<2>(m, p);
  for (; p < panels; ++p) MatmulPanels<1>(m, p);
}

// --- packing
// --------------------------------------------------------------------------------------------------------

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

// --- attention
// ------------------------------------------------------------------------------------------------------

inline size_t RoundUp16(size_t n) { return (n + 15) / 16 * 16; }

// Queries of one tile.
static const int kQueryRows = kMaxAccumulators >= 24 && kVectorsPerPanel == 1 ? 8 : 4;

// Scratch: K^T packed [L/16][D][16], V packed [D/16][L][16], scores [kQueryRows][L rounded up], out
// [kQueryRows][D].
size_t AttentionScratchFloats(size_t length, size_t head_dim) {
  const size_t keys = RoundUp16(length);
  return keys * head_dim + RoundUp16(head_dim) * length + kQueryRows * keys +
         kQueryRows * RoundUp16(head_dim);
}

// k: [L, D] of one head, as rows of the projection -> the layout of a packed weight with L columns.
inline void PackKeys(const float* k, size_t stride, size_t length, size_t head_dim, float* packed) {
  for (size_t n = 0; n < length; n += kPanelColumns) {
    float* panel = packed + n * head_dim;
    const size_t used = length - n < kPanelColumns ? length - n : (size_t)kPanelColumns;
    if (used == kPanelColumns && head_dim % kPanelColumns == 0) {
      for (size_t d = 0; d < head_dim; d += kPanelColumns) {
        Transpose16(k + n * stride + d, stride, panel + d * kPanelColumns);
      }
      continue;
    }
    for (size_t d = 0; d < head_dim; ++d) {
      for (size_t j = 0; j < kPanelColumns; ++j) {
        panel[d * kPanelColumns + j] = j < used ? k[(n + j) * stride + d] : 0.0f;
      }
    }
  }
}

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

// scores[0, length) -> exp((s - max) * scale); returns 1 / their sum.
inline float SoftmaxRow(float* scores, size_t length, float scale) {
  const size_t full = length / kLanes * kLanes;
  const size_t rest = length - full;
  const VF lowest = VSet(-3.0e38f);
  VF most = lowest;
  for (size_t i = 0; i < full; i += kLanes) most = VMax(most, VLoad(scores + i));
  if (rest) most = VMax(most, VSelectPart(rest, VLoad(scores + full), lowest));
  const VF shift = VSet(VReduceMax(most) * scale);
  const VF factor = VSet(scale);
  VF sum = VSet(0.0f);
  for (size_t i = 0; i < full; i += kLanes) {
    const VF e = VExp(VSub(VMul(VLoad(scores + i), factor), shift));
    sum = VAdd(sum, e);
    VStore(scores + i, e);
  }
  if (rest) {
    const VF e =
        VSelectPart(rest, VExp(VSub(VMul(VLoad(scores + full), factor), shift)), VSet(0.0f));
    sum = VAdd(sum, e);
    VStore(scores + full, e);
  }
  return 1.0f / VReduceAdd(sum);
}

// One step of SmallProduct: panels from p on, P at a time; returns the first panel not done.
template <int P>
inline size_t TilePanels(const float* x, size_t x_stride, const float* w, size_t inner,
                         size_t panels, size_t p, float* y, size_t y_stride, size_t rows) {
  if constexpr (TileRows<P>::kMost >= kQueryRows) {
    const size_t panel_stride = inner * kPanelColumns;
    for (; p + P <= panels; p += P) {
      TileFor<P>(rows)(x, x_stride, w + p * panel_stride, panel_stride, inner,
                       y + p * kPanelColumns, y_stride);
    }
  }
  return p;
}

// y [rows <= kQueryRows, 16 * panels] = x [rows, inner] times packed w.
inline void SmallProduct(const float* x, size_t x_stride, const float* w, size_t inner,
                         size_t panels, float* y, size_t y_stride, size_t rows) {
  size_t p = TilePanels<3>(x, x_stride, w, inner, panels, 0, y, y_stride, rows);
  p = TilePanels<2>(x, x_stride, w, inner, panels, p, y, y_stride, rows);
  TilePanels<1>(x, x_stride, w, inner, panels, p, y, y_stride, rows);
}

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
    SmallProduct(q, a->qkv_stride, packed_k, head_dim, keys / kPanelColumns, scores, keys, rows);
    float inverse[kQueryRows];
    for (size_t r = 0; r < rows; ++r) inverse[r] = SoftmaxRow(scores + r * keys, length, a->scale);
    SmallProduct(scores, keys, packed_v, length, padded_dim / kPanelColumns, out, padded_dim, rows);
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

// --- normalisation and pooling
// --------------------------------------------------------------------------------------

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
