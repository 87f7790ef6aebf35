// SPDX-License-Identifier: Apache-2.0
// What the vector search's kernels share between instruction sets; included in the anonymous
// namespace of each scan_*.cc, after its vector type and
//   VF VFlip(VF x, const uint32_t* bits)   x with these bits inverted
//   VF VAbs(VF x)
//   VF VFlipAs(VF x, VF s)                x with its sign inverted where that of s is set
//   VF VSwap<h>(VF x)                      lanes i and i ^ h exchanged, h < kLanes
//   unsigned VPositive(VF x)               bit i: lane i >= 0
//   void VStoreI8(int8_t* p, VF x)         integral values in [-128, 127]
//   void MakeTables(const float* query, float scale, size_t n, uint8_t* tables)
//                                          16 entries for each 4 elements
// Sums of floats take 16 lanes in kParts vectors, whatever their width; see kernels/scan.h.

enum { kSumLanes = 16, kParts = kSumLanes / kLanes };

struct Sum16 {
  VF part[kParts];
};
inline Sum16 Zero16() {
  Sum16 sum;
#pragma GCC unroll 4
  for (int i = 0; i < kParts; ++i) sum.part[i] = VSet(0);
  return sum;
}
// Lane i with i + 8, then i + 4, i + 2, i + 1.
inline float Total(Sum16 sum) {
#pragma GCC unroll 2
  for (int half = kParts / 2; half > 0; half /= 2) {
#pragma GCC unroll 2
    for (int i = 0; i < half; ++i) sum.part[i] = VAdd(sum.part[i], sum.part[i + half]);
  }
  return VTotal(sum.part[0]);
}

// The stages of a Hadamard transform within a vector: (a, b) -> (a + b, a - b) for lanes i, i + h.
template <int h>
inline VF Butterflies(VF x) {
  alignas(64) static const uint32_t kUpper[16] = {0,
                                                  1 & h ? 0x80000000u : 0,
                                                  2 & h ? 0x80000000u : 0,
                                                  3 & h ? 0x80000000u : 0,
                                                  4 & h ? 0x80000000u : 0,
                                                  5 & h ? 0x80000000u : 0,
                                                  6 & h ? 0x80000000u : 0,
                                                  7 & h ? 0x80000000u : 0,
                                                  8 & h ? 0x80000000u : 0,
                                                  9 & h ? 0x80000000u : 0,
                                                  10 & h ? 0x80000000u : 0,
                                                  11 & h ? 0x80000000u : 0,
                                                  12 & h ? 0x80000000u : 0,
                                                  13 & h ? 0x80000000u : 0,
                                                  14 & h ? 0x80000000u : 0,
                                                  15 & h ? 0x80000000u : 0};
  return VAdd(VSwap<h>(x), VFlip(x, kUpper));
}

static const int kFour = kLanes > 4 ? 4 : 1, kEight = kLanes > 8 ? 8 : 1;
inline VF WithinVector(VF x) {
  x = Butterflies<1>(x);
  x = Butterflies<2>(x);
  if (kFour == 4) x = Butterflies<kFour>(x);
  if (kEight == 8) x = Butterflies<kEight>(x);
  return x;
}

// The stages at distances of whole vectors; the last multiplies by the scale.
inline void BetweenVectors(float* x, size_t n, float scale) {
  size_t h = kLanes;
  // Two stages at a time, while they last.
  for (; 8 * h <= n; h *= 4) {
    for (size_t begin = 0; begin < n; begin += 4 * h) {
      for (size_t i = begin; i < begin + h; i += kLanes) {
        const VF a = VLoad(x + i), b = VLoad(x + i + h);
        const VF c = VLoad(x + i + 2 * h), d = VLoad(x + i + 3 * h);
        const VF ab = VAdd(a, b), a_b = VSub(a, b), cd = VAdd(c, d), c_d = VSub(c, d);
        VStore(x + i, VAdd(ab, cd));
        VStore(x + i + h, VAdd(a_b, c_d));
        VStore(x + i + 2 * h, VSub(ab, cd));
        VStore(x + i + 3 * h, VSub(a_b, c_d));
      }
    }
  }
  const VF factor = VSet(scale);
  for (; 2 * h < n; h *= 2) {
    for (size_t begin = 0; begin < n; begin += 2 * h) {
      for (size_t i = begin; i < begin + h; i += kLanes) {
        const VF a = VLoad(x + i), b = VLoad(x + i + h);
        VStore(x + i, VAdd(a, b));
        VStore(x + i + h, VSub(a, b));
      }
    }
  }
  for (size_t i = 0; i < h; i += kLanes) {
    const VF a = VLoad(x + i), b = VLoad(x + i + h);
    VStore(x + i, VMul(VAdd(a, b), factor));
    VStore(x + i + h, VMul(VSub(a, b), factor));
  }
}

void Rotate(const struct ScanRotation* r, float* x) {
  const size_t half = r->dimensions / 2, rest = r->dimensions - r->power;
  const VF factor = VSet(r->halves_scale);
  for (size_t round = 0; round < kScanRotationRounds; ++round) {
    const uint32_t* flips = r->flips + round * r->dimensions;
    // Which elements are transformed, and which only flipped.
    const size_t begin = round % 2 == 0 ? 0 : rest, other = round % 2 == 0 ? r->power : 0;
    for (size_t i = begin; i < begin + r->power; i += kLanes)
      VStore(x + i, WithinVector(VFlip(VLoad(x + i), flips + i)));
    for (size_t i = other; i < other + rest; i += kLanes)
      VStore(x + i, VFlip(VLoad(x + i), flips + i));
    BetweenVectors(x + begin, r->power, r->hadamard_scale);
    if (rest == 0) continue;
    for (size_t i = 0; i < half; i += kLanes) {
      const VF a = VLoad(x + i), b = VLoad(x + i + half);
      VStore(x + i, VMul(VAdd(a, b), factor));
      VStore(x + i + half, VMul(VSub(a, b), factor));
    }
  }
}

void Encode(const struct ScanEncode* e) {
  Sum16 square = Zero16(), absolute = Zero16(), lean = Zero16(), signed_sum = Zero16();
  for (size_t i = 0; i < e->dimensions; i += kSumLanes) {
    unsigned signs = 0;
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      const VF c = VLoad(e->centre + i + p * kLanes);
      const VF r = VSub(VLoad(e->row + i + p * kLanes), c);
      signs |= VPositive(r) << p * kLanes;
      square.part[p] = VMulAdd(r, r, square.part[p]);
      absolute.part[p] = VAdd(absolute.part[p], VAbs(r));
      lean.part[p] = VMulAdd(r, c, lean.part[p]);
      signed_sum.part[p] = VAdd(signed_sum.part[p], VFlipAs(c, r));
    }
    e->signs[i / 8] = (uint8_t)signs;
    e->signs[i / 8 + 1] = (uint8_t)(signs >> 8);
  }
  e->sums[0] = Total(square);
  e->sums[1] = Total(absolute);
  e->sums[2] = Total(lean);
  e->sums[3] = Total(signed_sum);
}

float Quantize(const float* x, size_t dimensions, int8_t* out, float* scale) {
  VF most_lanes = VSet(0);
  for (size_t i = 0; i < dimensions; i += kLanes) most_lanes = VMax(most_lanes, VAbs(VLoad(x + i)));
  const float most = VReduceMax(most_lanes);
  const int zero = most < MINNOW_SCAN_TINY;
  const VF inverse = VSet(zero ? 0 : 127 / most);
  *scale = zero ? 0 : most / 127;
  const VF step = VSet(*scale);
  Sum16 square = Zero16();
  for (size_t i = 0; i < dimensions; i += kSumLanes) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      const VF v = VLoad(x + i + p * kLanes);
      const VF rounded = VRound(VMul(v, inverse));
      VStoreI8(out + i + p * kLanes, rounded);
      const VF rest = VNegMulAdd(step, rounded, v);
      square.part[p] = VMulAdd(rest, rest, square.part[p]);
    }
  }
  return Total(square);
}

void Tables(const struct ScanTables* t) {
  VF most_lanes = VSet(0);
  for (size_t i = 0; i < t->dimensions; i += kLanes) {
    // Sums of four neighbours, in every lane of theirs.
    const VF a = VAbs(VLoad(t->query + i)), pairs = VAdd(a, VSwap<1>(a));
    most_lanes = VMax(most_lanes, VAdd(pairs, VSwap<2>(pairs)));
  }
  const float most = VReduceMax(most_lanes);
  MakeTables(t->query, most < MINNOW_SCAN_TINY ? 0 : kScanTableFull / most, t->dimensions,
             t->tables);
  *t->step = most * ((float)(1 << kScanTableBits) / kScanTableFull);
  *t->offset = -most * (float)(t->dimensions / 4);
}

// Several rows at once: one row's sums wait for each other.
template <int kRows>
inline void DotRows(const float* query, const float* rows, size_t stride, size_t n, float* dots) {
  Sum16 sum[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sum[r] = Zero16();
  size_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) {
      const VF q = VLoad(query + i + p * kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        sum[r].part[p] =
            VMulAdd(q, VLoad(rows + (size_t)r * stride + i + p * kLanes), sum[r].part[p]);
      }
    }
  }
  for (int p = 0; p < kParts && i < n; ++p, i += kLanes) {
    const size_t left = n - i < (size_t)kLanes ? n - i : (size_t)kLanes;
    const VF q = VLoadPart(query + i, left);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      sum[r].part[p] = VMulAdd(q, VLoadPart(rows + (size_t)r * stride + i, left), sum[r].part[p]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) dots[r] = Total(sum[r]);
}

enum { kDotRows = kLanes == 4 ? 2 : 4 };
void DotF32(const struct ScanFloatDots* d) {
  size_t r = 0;
  for (; r + kDotRows <= d->count; r += kDotRows)
    DotRows<kDotRows>(d->query, d->rows + r * d->stride, d->stride, d->dimensions, d->dots + r);
  for (; r < d->count; ++r)
    DotRows<1>(d->query, d->rows + r * d->stride, d->stride, d->dimensions, d->dots + r);
}

// What a scan asks memory for while it reads block b: within a list blocks follow each other, but
// the processor's own look-ahead ends with each page, and knows nothing of the next list.
enum { kScanAheadBlocks = 4 };
inline uintptr_t AheadOf(const struct ScanList* s, size_t b) {
  const size_t ahead = b + kScanAheadBlocks, stride = MINNOW_SCAN_BLOCK_BYTES(s->dimensions);
  if (ahead < s->block_count || s->next == NULL) return (uintptr_t)s->blocks + ahead * stride;
  return (uintptr_t)s->next + (ahead - s->block_count) * stride;
}
inline void Prefetch(uintptr_t at) { __builtin_prefetch((const void*)at); }

// Appends the rows of one block whose bit in `rows` is set.
inline size_t PutSurvivors(const struct ScanList* s, size_t block, uint32_t rows,
                           const float* bounds, size_t found) {
  for (; rows != 0; rows &= rows - 1) {
    const uint32_t j = (uint32_t)__builtin_ctz(rows);
    s->survivors[found] = (uint32_t)(block * kScanBlockRows) + j;
    s->bounds[found++] = bounds[j];
  }
  return found;
}
