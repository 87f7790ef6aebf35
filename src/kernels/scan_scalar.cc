// SPDX-License-Identifier: Apache-2.0
// The vector search's reference kernels: plain loops, whose bits every table gives.
#include <math.h>
#include <string.h>

#include "kernels/scan.h"

namespace minnow {
extern const ScanKernels kScalarScan;
namespace {

enum { kLanes = 16 };

float SumOfLanes(float* lanes) {
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

void Hadamard(float* x, size_t n, float scale) {
  for (size_t h = 1; h < n; h *= 2) {
    for (size_t i = 0; i < n; ++i) {
      if ((i & h) != 0) continue;
      const float a = x[i], b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
  for (size_t i = 0; i < n; ++i) x[i] *= scale;
}

void Rotate(const struct ScanRotation* r, float* x) {
  const size_t half = r->dimensions / 2;
  for (size_t round = 0; round < kScanRotationRounds; ++round) {
    for (size_t i = 0; i < r->dimensions; ++i) {
      uint32_t bits;
      memcpy(&bits, x + i, sizeof bits);
      bits ^= r->flips[round * r->dimensions + i];
      memcpy(x + i, &bits, sizeof bits);
    }
    Hadamard(round % 2 == 0 ? x : x + r->dimensions - r->power, r->power, r->hadamard_scale);
    if (r->power == r->dimensions) continue;
    for (size_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half];
      x[i] = (a + b) * r->halves_scale;
      x[i + half] = (a - b) * r->halves_scale;
    }
  }
}

void Encode(const struct ScanEncode* e) {
  float square[kLanes] = {}, absolute[kLanes] = {}, lean[kLanes] = {}, signed_sum[kLanes] = {};
  memset(e->signs, 0, e->dimensions / 8);
  for (size_t i = 0; i < e->dimensions; ++i) {
    const float r = e->row[i] - e->centre[i];
    if (r >= 0) e->signs[i / 8] = (uint8_t)(e->signs[i / 8] | 1u << i % 8);
    square[i % kLanes] = fmaf(r, r, square[i % kLanes]);
    absolute[i % kLanes] += fabsf(r);
    lean[i % kLanes] = fmaf(r, e->centre[i], lean[i % kLanes]);
    signed_sum[i % kLanes] += signbit(r) ? -e->centre[i] : e->centre[i];
  }
  e->sums[0] = SumOfLanes(square);
  e->sums[1] = SumOfLanes(absolute);
  e->sums[2] = SumOfLanes(lean);
  e->sums[3] = SumOfLanes(signed_sum);
}

float Quantize(const float* x, size_t dimensions, int8_t* out, float* scale) {
  float most = 0;
  for (size_t i = 0; i < dimensions; ++i) most = fmaxf(most, fabsf(x[i]));
  const bool zero = most < MINNOW_SCAN_TINY;
  const float inverse = zero ? 0 : 127 / most;
  *scale = zero ? 0 : most / 127;
  float square[kLanes] = {};
  for (size_t i = 0; i < dimensions; ++i) {
    const float value = nearbyintf(x[i] * inverse);
    out[i] = (int8_t)value;
    const float rest = fmaf(-*scale, value, x[i]);
    square[i % kLanes] = fmaf(rest, rest, square[i % kLanes]);
  }
  return SumOfLanes(square);
}

void Tables(const struct ScanTables* t) {
  float most = 0;
  for (size_t i = 0; i < t->dimensions; i += 4) {
    const float* q = t->query + i;
    most = fmaxf(most, (fabsf(q[0]) + fabsf(q[1])) + (fabsf(q[2]) + fabsf(q[3])));
  }
  const float scale = most < MINNOW_SCAN_TINY ? 0 : kScanTableFull / most;
  for (size_t n = 0; n < t->dimensions / 4; ++n) {
    int v[4];
    for (size_t j = 0; j < 4; ++j) v[j] = (int)nearbyintf(t->query[4 * n + j] * scale);
    for (size_t e = 0; e < 16; ++e) {
      int sum = kScanTableFull + (1 << (kScanTableBits - 1));
      for (size_t j = 0; j < 4; ++j) sum += (e >> j & 1) != 0 ? v[j] : -v[j];
      t->tables[16 * n + e] = (uint8_t)(sum >> kScanTableBits);
    }
  }
  *t->step = most * ((float)(1 << kScanTableBits) / kScanTableFull);
  *t->offset = -most * (float)(t->dimensions / 4);
}

size_t Scan(const struct ScanList* s) {
  const size_t bytes = s->dimensions / 8;
  size_t found = 0;
  for (size_t b = 0; b < s->block_count; ++b) {
    const uint8_t* block = s->blocks + b * MINNOW_SCAN_BLOCK_BYTES(s->dimensions);
    for (size_t j = 0; j < kScanBlockRows; ++j) {
      if ((s->allowed[b] >> j & 1) == 0) continue;
      uint32_t sum = 0;
      for (size_t p = 0; p < bytes; ++p) {
        const uint8_t signs = block[p * kScanBlockRows + j];
        sum += s->tables[32 * p + (signs & 15)] + s->tables[32 * p + 16 + (signs >> 4)];
      }
      float gain, lean;
      const uint8_t* factors = block + bytes * kScanBlockRows + j * sizeof(float);
      memcpy(&gain, factors, sizeof gain);
      memcpy(&lean, factors + kScanBlockRows * sizeof(float), sizeof lean);
      const float bound =
          fmaf(gain, fmaf(s->step, (float)sum, s->offset), fmaf(s->toward, lean, s->base));
      if (bound < s->threshold) continue;
      s->survivors[found] = (uint32_t)(b * kScanBlockRows + j);
      s->bounds[found++] = bound;
    }
  }
  return found;
}

void DotI8(const struct ScanDots* d) {
  for (size_t n = 0; n < d->count; ++n) {
    const int8_t* row = d->rows + (d->slots != nullptr ? d->slots[n] : n) * d->dimensions;
    int32_t sum = 0;
    for (size_t i = 0; i < d->dimensions; ++i) sum += d->query[i] * row[i];
    d->dots[n] = sum;
  }
}

void DotF32(const struct ScanFloatDots* d) {
  for (size_t r = 0; r < d->count; ++r) {
    float lanes[kLanes] = {};
    for (size_t i = 0; i < d->dimensions; ++i) {
      float x, y;
      memcpy(&x, d->query + i, sizeof x);
      memcpy(&y, d->rows + r * d->stride + i, sizeof y);
      lanes[i % kLanes] = fmaf(x, y, lanes[i % kLanes]);
    }
    d->dots[r] = SumOfLanes(lanes);
  }
}

}  // namespace

const ScanKernels kScalarScan = {Rotate, Encode, Quantize, Tables, Scan, DotI8, DotF32};
}  // namespace minnow
