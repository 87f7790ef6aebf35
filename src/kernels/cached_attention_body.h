// SPDX-License-Identifier: Apache-2.0
// fp32 attention of one query over keys and values that lie in a cache: each is read once, from
// where it is; included in an ISA file's anonymous namespace by f32_body.h.
//
// An ISA file defines VSumEach(v), which gives in lane i the sum of the lanes of v[i], all in one
// order.

inline size_t SlotOf(const struct CachedAttentionF32* a, size_t key) {
  return a->slots ? a->slots[key] : key;
}

// scores[first, first + kLanes) = q K^T; past the last key: that of the last key again.
inline void ScoreKeys(const struct CachedAttentionF32* a, size_t head, size_t first) {
  const size_t head_dim = a->head_dim;
  const float* q = a->q + head * head_dim;
  const float* keys[kLanes];
  VF sums[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    const size_t key = first + i < a->length ? first + i : a->length - 1;
    keys[i] = a->keys + head * a->head_stride + SlotOf(a, key) * head_dim;
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kLanes; ++i) sums[i] = VSet(0.0f);
  size_t d = 0;
  for (; d + kLanes <= head_dim; d += kLanes) {
    const VF x = VLoad(q + d);
#pragma GCC unroll 16
    for (size_t i = 0; i < kLanes; ++i) sums[i] = VMulAdd(x, VLoad(keys[i] + d), sums[i]);
  }
  if (const size_t rest = head_dim - d) {
    const VF x = VLoadPart(q + d, rest);
#pragma GCC unroll 16
    for (size_t i = 0; i < kLanes; ++i) {
      sums[i] = VMulAdd(x, VLoadPart(keys[i] + d, rest), sums[i]);
    }
  }
  VStore(a->scores + first, VSumEach(sums));
}

// V vectors of the context from channel d on: the values weighted with the scores, in order of the
// keys.
template <int V>
inline void WeighValues(const struct CachedAttentionF32* a, size_t head, size_t d, VF inverse) {
  const float* values = a->values + head * a->head_stride + d;
  VF sums[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) sums[v] = VSet(0.0f);
  for (size_t key = 0; key < a->length; ++key) {
    const VF weight = VSet(a->scores[key]);
    const float* value = values + SlotOf(a, key) * a->head_dim;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[v] = VMulAdd(weight, VLoad(value + v * kLanes), sums[v]);
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v)
    VStore(a->context + head * a->head_dim + d + v * kLanes, VMul(sums[v], inverse));
}

inline void WeighLastValues(const struct CachedAttentionF32* a, size_t head, size_t d, VF inverse) {
  const size_t rest = a->head_dim - d;
  const float* values = a->values + head * a->head_stride + d;
  VF sum = VSet(0.0f);
  for (size_t key = 0; key < a->length; ++key) {
    const float* value = values + SlotOf(a, key) * a->head_dim;
    sum = VMulAdd(VSet(a->scores[key]), VLoadPart(value, rest), sum);
  }
  VStorePart(a->context + head * a->head_dim + d, rest, VMul(sum, inverse));
}

void CachedAttentionF32Run(const struct CachedAttentionF32* a) {
  for (size_t head = 0; head < a->heads; ++head) {
    for (size_t key = 0; key < a->length; key += kLanes) ScoreKeys(a, head, key);
    if (a->bias) BiasRow(a->scores, a->length, a->scale, a->bias + head * a->bias_stride);
    const VF inverse = VSet(SoftmaxRow(a->scores, a->length, a->bias ? 1.0f : a->scale));
    size_t d = 0;
    for (; d + 8 * kLanes <= a->head_dim; d += 8 * kLanes) WeighValues<8>(a, head, d, inverse);
    for (; d + 4 * kLanes <= a->head_dim; d += 4 * kLanes) WeighValues<4>(a, head, d, inverse);
    for (; d + kLanes <= a->head_dim; d += kLanes) WeighValues<1>(a, head, d, inverse);
    if (d < a->head_dim) WeighLastValues(a, head, d, inverse);
  }
}
