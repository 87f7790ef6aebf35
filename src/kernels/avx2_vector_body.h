// SPDX-License-Identifier: Apache-2.0
// The vector type of AVX2 with FMA; included in the anonymous namespace of each file that is built
// for it.

typedef __m256 VF;
static const int kLanes = 8;
#ifndef MINNOW_MAX_ACCUMULATORS
#define MINNOW_MAX_ACCUMULATORS 12
#endif
static const int kMaxAccumulators = MINNOW_MAX_ACCUMULATORS;

inline VF VLoad(const float* p) { return _mm256_loadu_ps(p); }
inline void VStore(float* p, VF v) { _mm256_storeu_ps(p, v); }
// All ones in the first n of 8 lanes.
inline __m256i FirstLanes(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline VF VLoadPart(const float* p, size_t n) { return _mm256_maskload_ps(p, FirstLanes(n)); }
inline void VStorePart(float* p, size_t n, VF v) { _mm256_maskstore_ps(p, FirstLanes(n), v); }
// The first n lanes of `a`, the others of `b`.
inline VF VSelectPart(size_t n, VF a, VF b) {
  return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(FirstLanes(n)));
}
inline VF VSet(float x) { return _mm256_set1_ps(x); }
inline VF VAdd(VF a, VF b) { return _mm256_add_ps(a, b); }
inline VF VSub(VF a, VF b) { return _mm256_sub_ps(a, b); }
inline VF VMul(VF a, VF b) { return _mm256_mul_ps(a, b); }
inline VF VDiv(VF a, VF b) { return _mm256_div_ps(a, b); }
inline VF VMax(VF a, VF b) { return _mm256_max_ps(a, b); }
inline VF VMin(VF a, VF b) { return _mm256_min_ps(a, b); }
inline VF VMulAdd(VF a, VF b, VF c) { return _mm256_fmadd_ps(a, b, c); }      // a b + c
inline VF VNegMulAdd(VF a, VF b, VF c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a b
inline VF VMulSub(VF a, VF b, VF c) { return _mm256_fmsub_ps(a, b, c); }      // a b - c
inline VF VRound(VF x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// x 2^n for integral n in [-126, 127]: n goes into the exponent bits of 1.0.
inline VF VScale2(VF x, VF n) {
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}

inline float VReduceAdd(VF v) {
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

inline float VReduceMax(VF v) {
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

// In lane i the sum of the lanes of v[i].
inline VF VSumEach(const VF* v) {
  const __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  const __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                       _mm256_permute2f128_ps(low, high, 0x31));
}

// 8 x 8 floats: `to` (rows of 16) = transpose of `from` (rows `stride` apart).
inline void Transpose8(const float* from, size_t stride, float* to) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + i * stride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    _mm256_storeu_ps(to + c * 16, _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
    _mm256_storeu_ps(to + (4 + c) * 16, _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
  }
}

// 16 x 16 floats: `to` (rows of 16) = transpose of `from` (rows `stride` apart).
inline void Transpose16(const float* from, size_t stride, float* to) {
  for (size_t i = 0; i < 16; i += 8) {
    for (size_t j = 0; j < 16; j += 8) Transpose8(from + i * stride + j, stride, to + j * 16 + i);
  }
}

inline VF VFromI8(const int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)));
}
inline VF VFromLowNibbles(const uint8_t* p) {
  const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p));
  return _mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(15)));
}
inline VF VFromHighNibbles(const uint8_t* p) {
  const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p));
  return _mm256_cvtepi32_ps(_mm256_srli_epi32(bytes, 4));
}

inline VF VFromBf16(const uint16_t* p) {
  const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}
// The bits of bf16, to nearest and ties to even, in the low half of each lane.
inline __m256i VBf16Bits(VF v) {
  const __m256i bits = _mm256_castps_si256(v), high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
  return _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
}
inline void VStoreBf16(uint16_t* p, VF v) {
  const __m256i bits = VBf16Bits(v);
  const __m128i low = _mm256_castsi256_si128(bits), high = _mm256_extracti128_si256(bits, 1);
  _mm_storeu_si128((__m128i*)p, _mm_packus_epi32(low, high));
}
