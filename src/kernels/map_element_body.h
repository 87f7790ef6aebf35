// SPDX-License-Identifier: Apache-2.0
// What is done to the elements of maps; included in an ISA file's anonymous namespace after
// map_vectors_body.h and vector_math_body.h.

template <class X, class Y, class Function>
inline void AffineRow(const struct MapAffine* a, const X* x, Y* y, const Function& function) {
  const size_t channels = a->channels;
  size_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    VF value = VLoadElements(x + c);
    if (a->scale) value = VMulAdd(value, VLoad(a->scale + c), VLoad(a->shift + c));
    VStoreElements(y + c, function(value));
  }
  if (c == channels) return;
  const size_t rest = channels - c;
  VF value = VLoadElementsPart(x + c, rest);
  if (a->scale)
    value = VMulAdd(value, VLoadPart(a->scale + c, rest), VLoadPart(a->shift + c, rest));
  VStoreElementsPart(y + c, rest, function(value));
}

template <class X, class Y, class Function>
inline void AffineRows(const struct MapAffine* a, const Function& function) {
  for (size_t r = 0; r < a->rows; ++r) {
    const size_t from = a->from ? a->from[r] : r;
    AffineRow(a, (const X*)a->x + from * a->x_stride, (Y*)a->y + r * a->y_stride, function);
  }
}

// A choice for each vector would cost as much as the rest: the frequent ones have a loop each.
template <class X, class Y>
inline void AffineTyped(const struct MapAffine* a) {
  const bool kShort = sizeof(Y) == 2;  // bf16: no more than 8 bits are kept
  const enum MatmulActivation activation = a->activation;
  switch (activation) {
    case kMatmulNone:
      return AffineRows<X, Y>(a, [](VF x) { return x; });
    case kMatmulSilu:
      return AffineRows<X, Y>(a, [](VF x) { return VActivate<kShort>(x, kMatmulSilu); });
    default:
      return AffineRows<X, Y>(a,
                              [activation](VF x) { return VActivateApart<kShort>(x, activation); });
  }
}

void MapAffineRun(const struct MapAffine* a) {
  if (a->x_element == kMapBf16) {
    a->y_element == kMapBf16 ? AffineTyped<uint16_t, uint16_t>(a) : AffineTyped<uint16_t, float>(a);
  } else {
    a->y_element == kMapBf16 ? AffineTyped<float, uint16_t>(a) : AffineTyped<float, float>(a);
  }
}

// V vectors of channels from c, the last with `last` lanes.
template <class X, int V>
inline void SumChannels(const struct MapSums* s, size_t c, size_t last) {
  VF sum[V], squares[V], pivot[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const float* from = s->pivot + c + v * kLanes;
    pivot[v] = v + 1 == V && last < kLanes ? VLoadPart(from, last) : VLoad(from);
    sum[v] = squares[v] = VSet(0.0f);
  }
  for (size_t r = 0; r < s->rows; ++r) {
    const X* x = (const X*)s->x + r * s->x_stride + c;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const X* from = x + v * kLanes;
      const VF value =
          v + 1 == V && last < kLanes ? VLoadElementsPart(from, last) : VLoadElements(from);
      const VF d = VSub(value, pivot[v]);
      sum[v] = VAdd(sum[v], d);
      squares[v] = VMulAdd(d, d, squares[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const size_t at = c + v * kLanes;
    if (v + 1 == V && last < kLanes) {
      VStorePart(s->sum + at, last, sum[v]);
      VStorePart(s->squares + at, last, squares[v]);
    } else {
      VStore(s->sum + at, sum[v]);
      VStore(s->squares + at, squares[v]);
    }
  }
}

template <class X>
inline void SumsTyped(const struct MapSums* s) {
  size_t c = 0;
  for (; c + 4 * kLanes <= s->channels; c += 4 * kLanes) SumChannels<X, 4>(s, c, kLanes);
  for (; c + kLanes <= s->channels; c += kLanes) SumChannels<X, 1>(s, c, kLanes);
  if (c < s->channels) SumChannels<X, 1>(s, c, s->channels - c);
}

void MapSumsRun(const struct MapSums* s) {
  s->element == kMapBf16 ? SumsTyped<uint16_t>(s) : SumsTyped<float>(s);
}

// V vectors of channels from c.
template <class X, int V>
inline void RangeChannels(const struct MapRange* a, size_t c) {
  VF low[V], high[V], fault[V];  // what is no number would be lost in a minimum
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    low[v] = VLoad(a->low + c + v * kLanes);
    high[v] = VLoad(a->high + c + v * kLanes);
    fault[v] = VSet(0.0f);
  }
  for (size_t r = 0; r < a->rows; ++r) {
    const X* x = (const X*)a->x + r * a->x_stride + c;
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const VF value = VLoadElements(x + v * kLanes);
      low[v] = VMin(value, low[v]);  // which stays NaN
      high[v] = VMax(high[v], value);
      fault[v] = VMulAdd(value, VSet(0.0f), fault[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    VStore(a->low + c + v * kLanes, VAdd(low[v], fault[v]));
    VStore(a->high + c + v * kLanes, high[v]);
  }
}

template <class X>
inline void RangeTyped(const struct MapRange* a) {
  size_t c = 0;
  for (; c + 4 * kLanes <= a->channels; c += 4 * kLanes) RangeChannels<X, 4>(a, c);
  for (; c + kLanes <= a->channels; c += kLanes) RangeChannels<X, 1>(a, c);
  const size_t rest = a->channels - c;
  for (size_t r = 0; rest != 0 && r < a->rows; ++r) {
    const VF value = VLoadElementsPart((const X*)a->x + r * a->x_stride + c, rest);
    const VF fault = VMul(value, VSet(0.0f));
    VStorePart(a->low + c, rest, VAdd(VMin(value, VLoadPart(a->low + c, rest)), fault));
    VStorePart(a->high + c, rest, VMax(VLoadPart(a->high + c, rest), value));
  }
}

void MapRangeRun(const struct MapRange* a) {
  a->element == kMapBf16 ? RangeTyped<uint16_t>(a) : RangeTyped<float>(a);
}

static constexpr MapElementKernels kMapElementKernels = {MapAffineRun, MapSumsRun, MapRangeRun};
