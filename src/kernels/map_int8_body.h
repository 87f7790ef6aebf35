// SPDX-License-Identifier: Apache-2.0
// Products over maps in 8 bits; included in an ISA file's anonymous namespace after int8_body.h.

static const int kWordElements = 4;
static const bool kShortMath = true;

// In this order: each uses the one before.
// clang-format off
#define MINNOW_MAP_INT8
#include "kernels/map_vectors_body.h"
#include "kernels/map_product_body.h"
// clang-format on

template <class X, class Function>
inline void QuantizeMapRow(const struct MapQuantize* q, const X* x, Quantum* y,
                           const Function& function) {
  const float *scale = q->values->scale, *shift = q->values->shift;
  const size_t channels = q->values->channels;
  const VF offset = VSet(q->offset), inverse = VSet(q->inverse);
  const VF most = VSet(q->offset + 255.0f / q->inverse);
  const auto store = [&](Quantum* to, VF value) {
    StoreQuantized(to, VMax(VMin(function(value), most), offset), offset, inverse);
  };
  size_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    VF value = VLoadElements(x + c);
    if (scale) value = VMulAdd(value, VLoad(scale + c), VLoad(shift + c));
    store(y + c, value);
  }
  if (c == channels) return;
  const size_t rest = channels - c;
  VF value = VLoadElementsPart(x + c, rest);
  if (scale) value = VMulAdd(value, VLoadPart(scale + c, rest), VLoadPart(shift + c, rest));
  Quantum last[kLanes];
  store(last, value);
  for (size_t i = 0; i < rest; ++i) y[c + i] = last[i];
}

template <class X, class Function>
inline void QuantizeMapRows(const struct MapQuantize* q, const Function& function) {
  const struct MapAffine* a = q->values;
  for (size_t r = 0; r < a->rows; ++r) {
    const size_t from = a->from ? a->from[r] : r;
    QuantizeMapRow(q, (const X*)a->x + from * a->x_stride, (Quantum*)q->y + r * q->y_stride,
                   function);
  }
}

template <class X>
inline void QuantizeMapTyped(const struct MapQuantize* q) {
  const enum MatmulActivation activation = q->values->activation;
  switch (activation) {
    case kMatmulNone:
      return QuantizeMapRows<X>(q, [](VF x) { return x; });
    case kMatmulSilu:
      return QuantizeMapRows<X>(q, [](VF x) { return VActivate<kShortMath>(x, kMatmulSilu); });
    default:
      return QuantizeMapRows<X>(
          q, [activation](VF x) { return VActivateApart<kShortMath>(x, activation); });
  }
}

void MapQuantizeRun(const struct MapQuantize* q) {
  q->values->x_element == kMapBf16 ? QuantizeMapTyped<uint16_t>(q) : QuantizeMapTyped<float>(q);
}

static constexpr MapInt8Kernels kMapInt8Kernels = {sizeof(Quantum), (int)kQuantumBias,
                                                   MapProductRun, MapQuantizeRun, QuantizeRows};
