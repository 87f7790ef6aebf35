// SPDX-License-Identifier: Apache-2.0
// The vector search's kernels for AVX2. C headers and intrinsics only; see cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/scan.h"

namespace minnow {
extern const ScanKernels kAvx2Scan;
namespace {

#include "kernels/avx2_vector_body.h"

inline VF VFlip(VF x, const uint32_t* bits) {
  return _mm256_xor_ps(x, _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i*)bits)));
}
inline VF VAbs(VF x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
template <int h>
inline VF VSwap(VF x) {
  if (h == 1) return _mm256_permute_ps(x, 0xb1);
  if (h == 2) return _mm256_permute_ps(x, 0x4e);
  return _mm256_permute2f128_ps(x, x, 1);
}
inline unsigned VPositive(VF x) {
  return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GE_OQ));
}
inline void VStoreI8(int8_t* p, VF x) {
  const __m256i integers = _mm256_cvtps_epi32(x);
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(integers), _mm256_extracti128_si256(integers, 1));
  _mm_storel_epi64((__m128i*)p, _mm_packs_epi16(words, words));
}

// Entry e of a table is the sum of four words, each negated where its bit of e is clear.
inline void MakeTables(const float* query, const float* centre, float toward, float scale, size_t n,
                       uint8_t* tables);

#include "kernels/scan_body.h"

inline __m256i ScaledWords(const float* query, const float* centre, VF toward, VF scale) {
  const VF u = VNegMulAdd(toward, VLoad(centre), VLoad(query));
  return _mm256_cvtps_epi32(_mm256_mul_ps(u, scale));
}

// 16 sums of the words v[0..3], in 16 bits.
inline __m256i SixteenSums(const int16_t* v) {
  const __m256i bit0 = _mm256_set1_epi32((int)0x0001ffff);  // -, +, -, +, ...
  const __m256i bit1 = _mm256_set1_epi64x((long long)0x00010001ffffffffull);
  const __m256i bit2 = _mm256_setr_epi32(-1, -1, 0x10001, 0x10001, -1, -1, 0x10001, 0x10001);
  const __m256i bit3 = _mm256_setr_epi32(-1, -1, -1, -1, 0x10001, 0x10001, 0x10001, 0x10001);
  const __m256i low = _mm256_add_epi16(_mm256_sign_epi16(_mm256_set1_epi16(v[0]), bit0),
                                       _mm256_sign_epi16(_mm256_set1_epi16(v[1]), bit1));
  const __m256i high = _mm256_add_epi16(_mm256_sign_epi16(_mm256_set1_epi16(v[2]), bit2),
                                        _mm256_sign_epi16(_mm256_set1_epi16(v[3]), bit3));
  const __m256i sum = _mm256_add_epi16(_mm256_add_epi16(low, high),
                                       _mm256_set1_epi16(kFull + (1 << (kEntryBits - 1))));
  return _mm256_srli_epi16(sum, kEntryBits);
}

inline void MakeTables(const float* query, const float* centre, float toward_scalar,
                       float scale_scalar, size_t n, uint8_t* tables) {
  const VF toward = VSet(toward_scalar), scale = VSet(scale_scalar);
  for (size_t i = 0; i < n; i += 16) {
    alignas(32) int16_t words[16];
    const __m256i packed =
        _mm256_packs_epi32(ScaledWords(query + i, centre + i, toward, scale),
                           ScaledWords(query + i + 8, centre + i + 8, toward, scale));
    _mm256_store_si256((__m256i*)words, _mm256_permute4x64_epi64(packed, 0xd8));
#pragma GCC unroll 2
    for (int j = 0; j < 16; j += 8) {
      const __m256i both = _mm256_packus_epi16(SixteenSums(words + j), SixteenSums(words + j + 4));
      _mm256_storeu_si256((__m256i*)(tables + 4 * (i + j)), _mm256_permute4x64_epi64(both, 0xd8));
    }
  }
}

// Sums of the 32 rows of a block, 16 bits each, as rows 0..7 and 16..23, and as 8..15 and 24..31.
struct BlockSums {
  __m256i low, high;
};

inline __m256i TableOf(const uint8_t* tables) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)tables));
}

inline BlockSums SumBlock(const uint8_t* codes, const uint8_t* tables, size_t pairs) {
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256i odd = _mm256_setzero_si256(), all = _mm256_setzero_si256();
  for (size_t p = 0; p < pairs; p += 4) {
    __m256i bytes = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const __m256i code = _mm256_loadu_si256((const __m256i*)(codes + (p + i) * 32));
      const __m256i low = _mm256_and_si256(code, nibble);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble);
      bytes = _mm256_add_epi8(bytes, _mm256_shuffle_epi8(TableOf(tables + (p + i) * 32), low));
      bytes =
          _mm256_add_epi8(bytes, _mm256_shuffle_epi8(TableOf(tables + (p + i) * 32 + 16), high));
    }
    // The bytes of even rows are the words less 256 times those of odd rows.
    all = _mm256_add_epi16(all, bytes);
    odd = _mm256_add_epi16(odd, _mm256_srli_epi16(bytes, 8));
  }
  const __m256i even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
  return {_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd)};
}

size_t Scan(const struct ScanList* s) {
  const size_t pairs = s->dimensions / 8;
  const VF step = VSet(s->step), offset = VSet(s->offset);
  const VF toward = VSet(s->toward), base = VSet(s->base), threshold = VSet(s->threshold);
  size_t found = 0;
  for (size_t b = 0; b < s->block_count; ++b) {
    if (s->allowed[b] == 0) continue;
    const uint8_t* block = s->blocks + b * MINNOW_SCAN_BLOCK_BYTES(s->dimensions);
    const BlockSums sums = SumBlock(block, s->tables, pairs);
    const float* gain = (const float*)(block + pairs * kScanBlockRows);
    const float* lean = gain + kScanBlockRows;
    const __m128i words[4] = {_mm256_castsi256_si128(sums.low), _mm256_castsi256_si128(sums.high),
                              _mm256_extracti128_si256(sums.low, 1),
                              _mm256_extracti128_si256(sums.high, 1)};
    alignas(32) float bounds[kScanBlockRows];
    uint32_t rows = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const VF sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(words[i]));
      const VF bound = VMulAdd(VLoad(gain + i * 8), VMulAdd(step, sum, offset),
                               VMulAdd(toward, VLoad(lean + i * 8), base));
      _mm256_store_ps(bounds + i * 8, bound);
      rows |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(bound, threshold, _CMP_NLT_UQ)) << i * 8;
    }
    rows &= s->allowed[b];
    if (rows != 0) found = PutSurvivors(s, b, rows, bounds, found);
  }
  return found;
}

// Lines ahead of the row at work that are asked for.
void DotI8(const struct ScanDots* d) {
  const size_t bytes = d->dimensions;
  for (size_t n = 0; n < d->count; ++n) {
    const size_t slot = d->slots != nullptr ? d->slots[n] : n;
    if (d->slots != nullptr && n + 4 < d->count) {
      const int8_t* ahead = d->rows + d->slots[n + 4] * bytes;
      for (size_t i = 0; i < bytes; i += 64) _mm_prefetch((const char*)(ahead + i), _MM_HINT_T0);
    }
    const int8_t* row = d->rows + slot * bytes;
    __m256i sum0 = _mm256_setzero_si256(), sum1 = _mm256_setzero_si256();
    for (size_t i = 0; i < bytes; i += 32) {
      const __m256i x0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(row + i)));
      const __m256i x1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(row + i + 16)));
      sum0 = _mm256_add_epi32(
          sum0, _mm256_madd_epi16(x0, _mm256_loadu_si256((const __m256i*)(d->query + i))));
      sum1 = _mm256_add_epi32(
          sum1, _mm256_madd_epi16(x1, _mm256_loadu_si256((const __m256i*)(d->query + i + 16))));
    }
    const __m256i sum = _mm256_add_epi32(sum0, sum1);
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1));
    d->dots[n] = _mm_cvtsi128_si32(q);
  }
}

}  // namespace

const ScanKernels kAvx2Scan = {Rotate, Encode, Quantize, Tables, Scan, DotI8, DotF32};
}  // namespace minnow
