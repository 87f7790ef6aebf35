// SPDX-License-Identifier: Apache-2.0
// The vector type of NEON; included in the anonymous namespace of each file that is built for it.

typedef float32x4_t VF;
static const int kLanes = 4;
#ifndef MINNOW_MAX_ACCUMULATORS
#define MINNOW_MAX_ACCUMULATORS 24
#endif
static const int kMaxAccumulators = MINNOW_MAX_ACCUMULATORS;

inline VF VLoad(const float* p) { return vld1q_f32(p); }
inline void VStore(float* p, VF v) { vst1q_f32(p, v); }
inline VF VLoadPart(const float* p, size_t n) {
  float lanes[kLanes] = {0, 0, 0, 0};
  for (size_t i = 0; i < n; ++i) lanes[i] = p[i];
  return vld1q_f32(lanes);
}
inline void VStorePart(float* p, size_t n, VF v) {
  float lanes[kLanes];
  vst1q_f32(lanes, v);
  for (size_t i = 0; i < n; ++i) p[i] = lanes[i];
}
// The first n lanes of `a`, the others of `b`.
inline VF VSelectPart(size_t n, VF a, VF b) {
  static const uint32_t kLane[kLanes] = {0, 1, 2, 3};
  return vbslq_f32(vcltq_u32(vld1q_u32(kLane), vdupq_n_u32((uint32_t)n)), a, b);
}
inline VF VSet(float x) { return vdupq_n_f32(x); }
inline VF VAdd(VF a, VF b) { return vaddq_f32(a, b); }
inline VF VSub(VF a, VF b) { return vsubq_f32(a, b); }
inline VF VMul(VF a, VF b) { return vmulq_f32(a, b); }
inline VF VDiv(VF a, VF b) { return vdivq_f32(a, b); }
inline VF VMax(VF a, VF b) { return vmaxq_f32(a, b); }
inline VF VMin(VF a, VF b) { return vminq_f32(a, b); }
inline VF VMulAdd(VF a, VF b, VF c) { return vfmaq_f32(c, a, b); }             // a b + c
inline VF VNegMulAdd(VF a, VF b, VF c) { return vfmsq_f32(c, a, b); }          // c - a b
inline VF VMulSub(VF a, VF b, VF c) { return vfmaq_f32(vnegq_f32(c), a, b); }  // a b - c
inline VF VRound(VF x) { return vrndnq_f32(x); }
// x 2^n for integral n in [-126, 127]: n goes into the exponent bits of 1.0.
inline VF VScale2(VF x, VF n) {
  const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23);
  return vmulq_f32(x, vreinterpretq_f32_s32(exponent));
}
inline float VReduceAdd(VF v) { return vaddvq_f32(v); }
inline float VReduceMax(VF v) { return vmaxvq_f32(v); }
// In lane i the sum of the lanes of v[i].
inline VF VSumEach(const VF* v) {
  return vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3]));
}

// 16 x 16 floats: `to` (rows of 16) = transpose of `from` (rows `stride` apart).
inline void Transpose16(const float* from, size_t stride, float* to) {
  for (size_t i = 0; i < 16; i += 4) {
    for (size_t j = 0; j < 16; j += 4) {
      const float* f = from + i * stride + j;
      const float32x4x2_t low = vtrnq_f32(vld1q_f32(f), vld1q_f32(f + stride));
      const float32x4x2_t high = vtrnq_f32(vld1q_f32(f + 2 * stride), vld1q_f32(f + 3 * stride));
      float* t = to + j * 16 + i;
      vst1q_f32(t, vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0])));
      vst1q_f32(t + 16, vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1])));
      vst1q_f32(t + 32, vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0])));
      vst1q_f32(t + 48, vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1])));
    }
  }
}

// Four bytes in the low half of a vector.
inline uint8x8_t FourBytes(const void* p) {
  uint32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return vreinterpret_u8_u32(vdup_n_u32(bytes));
}
inline VF VFromI8(const int8_t* p) {
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(FourBytes(p))))));
}
inline VF VFromU8(uint8x8_t bytes) {
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}
inline VF VFromLowNibbles(const uint8_t* p) {
  return VFromU8(vand_u8(FourBytes(p), vdup_n_u8(15)));
}
inline VF VFromHighNibbles(const uint8_t* p) { return VFromU8(vshr_n_u8(FourBytes(p), 4)); }

inline VF VFromBf16(const uint16_t* p) {
  return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vld1_u16(p)), 16));
}
// The bits of bf16, to nearest and ties to even, in the low half of each lane.
inline uint32x4_t VBf16Bits(VF v) {
  const uint32x4_t bits = vreinterpretq_u32_f32(v);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  return vshrq_n_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
}
inline void VStoreBf16(uint16_t* p, VF v) { vst1_u16(p, vmovn_u32(VBf16Bits(v))); }
