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
inline VF VFlipAs(VF x, VF s) { return _mm256_xor_ps(x, _mm256_and_ps(_mm256_set1_ps(-0.0f), s)); }
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

inline float VTotal(VF v) { return VReduceAdd(v); }

// clang-format off
#include "kernels/scan_tables_body.h"
#include "kernels/scan_body.h"
// clang-format on

// Sums of the 32 rows of a block, 16 bits each, as rows 0..7 and 16..23, and as 8..15 and 24..31.
struct BlockSums {
  __m256i low, high;
};

inline __m256i TableOf(const uint8_t* tables) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)tables));
}

// A load is what this loop waits for: each code is loaded once, and each table once for all blocks.
inline __m256i LoadOnce(const uint8_t* p) {
  __m256i v = _mm256_loadu_si256((const __m256i*)p);
  __asm__("" : "+x"(v));
  return v;
}

template <int kBlocks>
inline void SumBlocks(const uint8_t* codes, size_t stride, const uintptr_t* ahead,
                      const uint8_t* tables, size_t pairs, BlockSums* sums) {
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256i odd[kBlocks], all[kBlocks];
#pragma GCC unroll 2
  for (int b = 0; b < kBlocks; ++b) odd[b] = all[b] = _mm256_setzero_si256();
  for (size_t p = 0; p < pairs; p += 4) {
    __m256i bytes[kBlocks];
#pragma GCC unroll 2
    for (int b = 0; b < kBlocks; ++b) bytes[b] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const __m256i low_table = TableOf(tables + (p + i) * 32);
      const __m256i high_table = TableOf(tables + (p + i) * 32 + 16);
#pragma GCC unroll 2
      for (int b = 0; b < kBlocks; ++b) {
        const uint8_t* at = codes + (size_t)b * stride + (p + i) * 32;
        if (i % 2 == 0) Prefetch(ahead[b] + (p + i) * 32);
        const __m256i code = LoadOnce(at);
        const __m256i low = _mm256_and_si256(code, nibble);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble);
        bytes[b] = _mm256_add_epi8(bytes[b], _mm256_shuffle_epi8(low_table, low));
        bytes[b] = _mm256_add_epi8(bytes[b], _mm256_shuffle_epi8(high_table, high));
      }
    }
    // The bytes of even rows are the words less 256 times those of odd rows.
#pragma GCC unroll 2
    for (int b = 0; b < kBlocks; ++b) {
      all[b] = _mm256_add_epi16(all[b], bytes[b]);
      odd[b] = _mm256_add_epi16(odd[b], _mm256_srli_epi16(bytes[b], 8));
    }
  }
#pragma GCC unroll 2
  for (int b = 0; b < kBlocks; ++b) {
    const __m256i even = _mm256_sub_epi16(all[b], _mm256_slli_epi16(odd[b], 8));
    sums[b].low = _mm256_unpacklo_epi16(even, odd[b]);
    sums[b].high = _mm256_unpackhi_epi16(even, odd[b]);
  }
}

// Appends the rows of block b that are not below the threshold.
inline size_t Finish(const struct ScanList* s, size_t b, const BlockSums& sums, size_t found) {
  const VF step = VSet(s->step), offset = VSet(s->offset);
  const VF toward = VSet(s->toward), base = VSet(s->base), threshold = VSet(s->threshold);
  const float* gain = (const float*)(s->blocks + b * MINNOW_SCAN_BLOCK_BYTES(s->dimensions) +
                                     s->dimensions / 8 * kScanBlockRows);
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
  return rows != 0 ? PutSurvivors(s, b, rows, bounds, found) : found;
}

size_t Scan(const struct ScanList* s) {
  const size_t pairs = s->dimensions / 8, stride = MINNOW_SCAN_BLOCK_BYTES(s->dimensions);
  size_t found = 0;
  for (size_t b = 0; b < s->block_count;) {
    BlockSums sums[2];
    const uint8_t* block = s->blocks + b * stride;
    const uintptr_t ahead[2] = {AheadOf(s, b), AheadOf(s, b + 1)};
    if (s->allowed[b] == 0) {
      ++b;
    } else if (b + 1 < s->block_count && s->allowed[b + 1] != 0) {
      SumBlocks<2>(block, stride, ahead, s->tables, pairs, sums);
      found = Finish(s, b, sums[0], found);
      found = Finish(s, b + 1, sums[1], found);
      b += 2;
    } else {
      SumBlocks<1>(block, stride, ahead, s->tables, pairs, sums);
      found = Finish(s, b++, sums[0], found);
    }
  }
  return found;
}

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
