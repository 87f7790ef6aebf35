// SPDX-License-Identifier: Apache-2.0
// The vector type of AVX-512 (F, BW, VL, DQ); included in the anonymous namespace of each file that
// is built for it.

typedef __m512 VF;
static const int kLanes = 16;
#ifndef MINNOW_MAX_ACCUMULATORS
#define MINNOW_MAX_ACCUMULATORS 24
#endif
static const int kMaxAccumulators = MINNOW_MAX_ACCUMULATORS;

inline VF VLoad(const float* p) { return _mm512_loadu_ps(p); }
inline void VStore(float* p, VF v) { _mm512_storeu_ps(p, v); }
inline __mmask16 FirstLanes(size_t n) { return (__mmask16)((1u << n) - 1); }
inline VF VLoadPart(const float* p, size_t n) { return _mm512_maskz_loadu_ps(FirstLanes(n), p); }
inline void VStorePart(float* p, size_t n, VF v) { _mm512_mask_storeu_ps(p, FirstLanes(n), v); }
// The first n lanes of `a`, the others of `b`.
inline VF VSelectPart(size_t n, VF a, VF b) { return _mm512_mask_mov_ps(b, FirstLanes(n), a); }
inline VF VSet(float x) { return _mm512_set1_ps(x); }
inline VF VAdd(VF a, VF b) { return _mm512_add_ps(a, b); }
inline VF VSub(VF a, VF b) { return _mm512_sub_ps(a, b); }
inline VF VMul(VF a, VF b) { return _mm512_mul_ps(a, b); }
inline VF VDiv(VF a, VF b) { return _mm512_div_ps(a, b); }
inline VF VMax(VF a, VF b) { return _mm512_max_ps(a, b); }
inline VF VMin(VF a, VF b) { return _mm512_min_ps(a, b); }
inline VF VMulAdd(VF a, VF b, VF c) { return _mm512_fmadd_ps(a, b, c); }      // a b + c
inline VF VNegMulAdd(VF a, VF b, VF c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a b
inline VF VMulSub(VF a, VF b, VF c) { return _mm512_fmsub_ps(a, b, c); }      // a b - c
inline VF VRound(VF x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#define MINNOW_SCALE2_SATURATES                                   // whatever n is
inline VF VScale2(VF x, VF n) { return _mm512_scalef_ps(x, n); }  // x 2^n

inline float VReduceAdd(VF v) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

inline float VReduceMax(VF v) {
  __m256 h = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

// In lane i the sum of the lanes of v[i]: halves are added until 16 vectors are one.
inline VF VSumEach(const VF* v) {
  __m512 r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44),
                         _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[i], r[i + 4], 0x88),
                         _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd));
  }
  // r[i] holds, in its 128-bit lanes, parts of v[i], v[i + 8], v[i + 4] and v[i + 12].
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i)
    r[i] = _mm512_add_ps(_mm512_unpacklo_ps(r[i], r[i + 2]), _mm512_unpackhi_ps(r[i], r[i + 2]));
  const __m512 sums = _mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1]));
  return _mm512_shuffle_f32x4(sums, sums, 0xd8);
}

// 16 x 16 floats: `to` (rows of 16) = transpose of `from` (rows `stride` apart).
inline void Transpose16(const float* from, size_t stride, float* to) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(from + i * stride);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  // r[4g + c] holds, in 128-bit lane q, column 4q + c of rows 4g .. 4g + 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
    const __m512 e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
    _mm512_storeu_ps(to + (c)*16, _mm512_shuffle_f32x4(a, b, 0x88));
    _mm512_storeu_ps(to + (4 + c) * 16, _mm512_shuffle_f32x4(d, e, 0x88));
    _mm512_storeu_ps(to + (8 + c) * 16, _mm512_shuffle_f32x4(a, b, 0xdd));
    _mm512_storeu_ps(to + (12 + c) * 16, _mm512_shuffle_f32x4(d, e, 0xdd));
  }
}

inline VF VFromI8(const int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p)));
}
inline VF VFromLowNibbles(const uint8_t* p) {
  const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p));
  return _mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(15)));
}
inline VF VFromHighNibbles(const uint8_t* p) {
  const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p));
  return _mm512_cvtepi32_ps(_mm512_srli_epi32(bytes, 4));
}

inline VF VWidenBf16(__m256i halves) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
inline VF VFromBf16(const uint16_t* p) { return VWidenBf16(_mm256_loadu_si256((const __m256i*)p)); }
// The bits of bf16, to nearest and ties to even, in the low half of each lane.
inline __m512i VBf16Bits(VF v) {
  const __m512i bits = _mm512_castps_si512(v), high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
  return _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
}
inline __m256i VRoundBf16(VF v) {
#ifdef __AVX512BF16__
  return (__m256i)_mm512_cvtneps_pbh(v);
#else
  return _mm512_cvtepi32_epi16(VBf16Bits(v));
#endif
}
inline void VStoreBf16(uint16_t* p, VF v) { _mm256_storeu_si256((__m256i*)p, VRoundBf16(v)); }
#define MINNOW_BF16_PARTS
inline VF VFromBf16Part(const uint16_t* p, size_t n) {
  return VWidenBf16(_mm256_maskz_loadu_epi16(FirstLanes(n), p));
}
inline void VStoreBf16Part(uint16_t* p, size_t n, VF v) {
  _mm256_mask_storeu_epi16(p, FirstLanes(n), VRoundBf16(v));
}
