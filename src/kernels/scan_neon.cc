// SPDX-License-Identifier: Apache-2.0
// The vector search's kernels for NEON. C headers and intrinsics only; see cmake/kernels.cmake.
#include <arm_neon.h>

#include "kernels/scan.h"

namespace minnow {
extern const ScanKernels kNeonScan;
namespace {

#include "kernels/neon_vector_body.h"

inline VF VFlip(VF x, const uint32_t* bits) {
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), vld1q_u32(bits)));
}
inline VF VAbs(VF x) { return vabsq_f32(x); }
inline VF VFlipAs(VF x, VF s) {
  const uint32x4_t sign = vandq_u32(vdupq_n_u32(0x80000000u), vreinterpretq_u32_f32(s));
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), sign));
}
template <int h>
inline VF VSwap(VF x) {
  return h == 1 ? vrev64q_f32(x) : vextq_f32(x, x, 2);
}
// Bit i: lane i is not zero.
inline unsigned LaneBits(uint32x4_t lanes) {
  static const uint32_t kBits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(lanes, vld1q_u32(kBits)));
}
inline unsigned VPositive(VF x) { return LaneBits(vcgeq_f32(x, vdupq_n_f32(0))); }
inline void VStoreI8(int8_t* p, VF x) {
  const int16x4_t words = vqmovn_s32(vcvtnq_s32_f32(x));
  const int8x8_t bytes = vqmovn_s16(vcombine_s16(words, words));
  vst1_lane_s32((int32_t*)(void*)p, vreinterpret_s32_s8(bytes), 0);
}
// (0 + 2) + (1 + 3)
inline float VTotal(VF v) {
  const float32x2_t pairs = vadd_f32(vget_low_f32(v), vget_high_f32(v));
  return vget_lane_f32(vpadd_f32(pairs, pairs), 0);
}

inline void MakeTables(const float* query, float scale, size_t n, uint8_t* tables) {
  static const int16_t kBit0[8] = {-1, 1, -1, 1, -1, 1, -1, 1};
  static const int16_t kBit1[8] = {-1, -1, 1, 1, -1, -1, 1, 1};
  static const int16_t kBit2[8] = {-1, -1, -1, -1, 1, 1, 1, 1};
  const int16x8_t bit0 = vld1q_s16(kBit0), bit1 = vld1q_s16(kBit1), bit2 = vld1q_s16(kBit2);
  const int16x8_t middle = vdupq_n_s16(kScanTableFull + (1 << (kScanTableBits - 1)));
  for (size_t i = 0; i < n; i += 4) {
    const int16x4_t v = vmovn_s32(vcvtnq_s32_f32(VMul(VLoad(query + i), VSet(scale))));
    const int16x8_t sum =
        vmlaq_lane_s16(vmlaq_lane_s16(vmlaq_lane_s16(middle, bit0, v, 0), bit1, v, 1), bit2, v, 2);
    const int16x8_t last = vdupq_lane_s16(v, 3);
    const uint16x8_t low = vreinterpretq_u16_s16(vsubq_s16(sum, last));
    const uint16x8_t high = vreinterpretq_u16_s16(vaddq_s16(sum, last));
    vst1q_u8(tables + 4 * i, vcombine_u8(vmovn_u16(vshrq_n_u16(low, kScanTableBits)),
                                         vmovn_u16(vshrq_n_u16(high, kScanTableBits))));
  }
}

#include "kernels/scan_body.h"

// Sums of a block's rows, in order.
inline void SumBlock(const uint8_t* codes, const uint8_t* tables, size_t pairs,
                     uint16x8_t sums[4]) {
  const uint8x16_t nibble = vdupq_n_u8(15);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) sums[i] = vdupq_n_u16(0);
  for (size_t p = 0; p < pairs; p += 4) {
    uint8x16_t first = vdupq_n_u8(0), second = vdupq_n_u8(0);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const size_t at = (p + i) * 32;
      const uint8x16_t low = vld1q_u8(tables + at), high = vld1q_u8(tables + at + 16);
      const uint8x16_t a = vld1q_u8(codes + at), b = vld1q_u8(codes + at + 16);
      first = vaddq_u8(first, vqtbl1q_u8(low, vandq_u8(a, nibble)));
      first = vaddq_u8(first, vqtbl1q_u8(high, vshrq_n_u8(a, 4)));
      second = vaddq_u8(second, vqtbl1q_u8(low, vandq_u8(b, nibble)));
      second = vaddq_u8(second, vqtbl1q_u8(high, vshrq_n_u8(b, 4)));
    }
    sums[0] = vaddw_u8(sums[0], vget_low_u8(first));
    sums[1] = vaddw_high_u8(sums[1], first);
    sums[2] = vaddw_u8(sums[2], vget_low_u8(second));
    sums[3] = vaddw_high_u8(sums[3], second);
  }
}

size_t Scan(const struct ScanList* s) {
  const size_t pairs = s->dimensions / 8;
  const VF step = VSet(s->step), offset = VSet(s->offset);
  const VF toward = VSet(s->toward), base = VSet(s->base), threshold = VSet(s->threshold);
  size_t found = 0;
  for (size_t b = 0; b < s->block_count; ++b) {
    if (s->allowed[b] == 0) continue;
    const uint8_t* block = s->blocks + b * MINNOW_SCAN_BLOCK_BYTES(s->dimensions);
    const float* gain = (const float*)(const void*)(block + pairs * kScanBlockRows);
    const float* lean = gain + kScanBlockRows;
    uint16x8_t sums[4];
    SumBlock(block, s->tables, pairs, sums);
    float bounds[kScanBlockRows];
    uint32_t rows = 0;
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const uint16x4_t words = i % 2 == 0 ? vget_low_u16(sums[i / 2]) : vget_high_u16(sums[i / 2]);
      const VF sum = vcvtq_f32_u32(vmovl_u16(words));
      const VF bound = VMulAdd(VLoad(gain + i * 4), VMulAdd(step, sum, offset),
                               VMulAdd(toward, VLoad(lean + i * 4), base));
      VStore(bounds + i * 4, bound);
      rows |= LaneBits(vmvnq_u32(vcltq_f32(bound, threshold))) << i * 4;
    }
    rows &= s->allowed[b];
    if (rows != 0) found = PutSurvivors(s, b, rows, bounds, found);
  }
  return found;
}

void DotI8(const struct ScanDots* d) {
  const size_t bytes = d->dimensions;
  for (size_t n = 0; n < d->count; ++n) {
    const int8_t* row = d->rows + (d->slots != nullptr ? d->slots[n] : n) * bytes;
    int32x4_t sum0 = vdupq_n_s32(0), sum1 = vdupq_n_s32(0);
    for (size_t i = 0; i < bytes; i += 16) {
      const int8x16_t x = vld1q_s8(row + i);
      const int16x8_t x0 = vmovl_s8(vget_low_s8(x)), x1 = vmovl_high_s8(x);
      const int16x8_t q0 = vld1q_s16(d->query + i), q1 = vld1q_s16(d->query + i + 8);
      sum0 = vmlal_s16(sum0, vget_low_s16(x0), vget_low_s16(q0));
      sum1 = vmlal_high_s16(sum1, x0, q0);
      sum0 = vmlal_s16(sum0, vget_low_s16(x1), vget_low_s16(q1));
      sum1 = vmlal_high_s16(sum1, x1, q1);
    }
    d->dots[n] = vaddvq_s32(vaddq_s32(sum0, sum1));
  }
}

}  // namespace

const ScanKernels kNeonScan = {Rotate, Encode, Quantize, Tables, Scan, DotI8, DotF32};
}  // namespace minnow
