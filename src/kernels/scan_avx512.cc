// SPDX-License-Identifier: Apache-2.0
// The vector search's kernels for AVX-512 (F, BW, VL, DQ). C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/scan.h"

namespace minnow {
extern const ScanKernels kAvx512Scan;
namespace {

#include "kernels/avx512_vector_body.h"

inline VF VFlip(VF x, const uint32_t* bits) {
  return _mm512_xor_ps(x, _mm512_castsi512_ps(_mm512_loadu_si512(bits)));
}
inline VF VAbs(VF x) { return _mm512_abs_ps(x); }
inline VF VFlipAs(VF x, VF s) { return _mm512_xor_ps(x, _mm512_and_ps(_mm512_set1_ps(-0.0f), s)); }
template <int h>
inline VF VSwap(VF x) {
  if (h == 1) return _mm512_permute_ps(x, 0xb1);
  if (h == 2) return _mm512_permute_ps(x, 0x4e);
  if (h == 4) return _mm512_shuffle_f32x4(x, x, 0xb1);
  return _mm512_shuffle_f32x4(x, x, 0x4e);
}
inline unsigned VPositive(VF x) { return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ); }
inline void VStoreI8(int8_t* p, VF x) {
  _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}
inline float VTotal(VF v) { return VReduceAdd(v); }

// clang-format off
#include "kernels/scan_tables_body.h"
#include "kernels/scan_body.h"
// clang-format on

inline __m512i TableOf(const uint8_t* tables) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)tables));
}

// Sums of the rows of two blocks, the first in the low half; 16 bits each, as rows 0..7 and 16..23,
// and as 8..15 and 24..31.
struct BlockSums {
  __m512i low, high;
};

inline BlockSums SumBlocks(const uint8_t* first, const uint8_t* second, const uintptr_t* ahead,
                           const uint8_t* tables, size_t pairs) {
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512i odd = _mm512_setzero_si512(), all = _mm512_setzero_si512();
  for (size_t p = 0; p < pairs; p += 4) {
    __m512i bytes = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const size_t at = (p + i) * 32;
      if (i % 2 == 0) Prefetch(ahead[0] + at);
      if (i % 2 == 0) Prefetch(ahead[1] + at);
      const __m512i code = _mm512_inserti64x4(
          _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)(first + at))),
          _mm256_loadu_si256((const __m256i*)(second + at)), 1);
      const __m512i low = _mm512_and_si512(code, nibble);
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble);
      bytes = _mm512_add_epi8(bytes, _mm512_shuffle_epi8(TableOf(tables + at), low));
      bytes = _mm512_add_epi8(bytes, _mm512_shuffle_epi8(TableOf(tables + at + 16), high));
    }
    // The bytes of even rows are the words less 256 times those of odd rows.
    all = _mm512_add_epi16(all, bytes);
    odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
  }
  const __m512i even = _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));
  return {_mm512_unpacklo_epi16(even, odd), _mm512_unpackhi_epi16(even, odd)};
}

// Appends the rows of block b that are not below the threshold.
inline size_t Finish(const struct ScanList* s, size_t b, __m256i low, __m256i high, size_t found) {
  const VF step = VSet(s->step), offset = VSet(s->offset);
  const VF toward = VSet(s->toward), base = VSet(s->base), threshold = VSet(s->threshold);
  const float* gain = (const float*)(s->blocks + b * MINNOW_SCAN_BLOCK_BYTES(s->dimensions) +
                                     s->dimensions / 8 * kScanBlockRows);
  const float* lean = gain + kScanBlockRows;
  const __m256i words[2] = {_mm256_permute2x128_si256(low, high, 0x20),
                            _mm256_permute2x128_si256(low, high, 0x31)};
  alignas(64) float bounds[kScanBlockRows];
  uint32_t rows = 0;
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const VF sum = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(words[i]));
    const VF bound = VMulAdd(VLoad(gain + i * 16), VMulAdd(step, sum, offset),
                             VMulAdd(toward, VLoad(lean + i * 16), base));
    _mm512_store_ps(bounds + i * 16, bound);
    rows |= (uint32_t)_mm512_cmp_ps_mask(bound, threshold, _CMP_NLT_UQ) << i * 16;
  }
  rows &= s->allowed[b];
  return rows != 0 ? PutSurvivors(s, b, rows, bounds, found) : found;
}

size_t Scan(const struct ScanList* s) {
  const size_t pairs = s->dimensions / 8, stride = MINNOW_SCAN_BLOCK_BYTES(s->dimensions);
  size_t found = 0;
  for (size_t b = 0; b < s->block_count;) {
    if (s->allowed[b] == 0) {
      ++b;
      continue;
    }
    // A block without a neighbour stands for its own.
    const bool two = b + 1 < s->block_count && s->allowed[b + 1] != 0;
    const uint8_t* block = s->blocks + b * stride;
    const uintptr_t ahead[2] = {AheadOf(s, b), AheadOf(s, two ? b + 1 : b)};
    const BlockSums sums = SumBlocks(block, two ? block + stride : block, ahead, s->tables, pairs);
    found =
        Finish(s, b, _mm512_castsi512_si256(sums.low), _mm512_castsi512_si256(sums.high), found);
    if (two) {
      found = Finish(s, b + 1, _mm512_extracti64x4_epi64(sums.low, 1),
                     _mm512_extracti64x4_epi64(sums.high, 1), found);
    }
    b += two ? 2 : 1;
  }
  return found;
}

void DotI8(const struct ScanDots* d) {
  const size_t bytes = d->dimensions;
  for (size_t n = 0; n < d->count; ++n) {
    const int8_t* row = d->rows + (d->slots != nullptr ? d->slots[n] : n) * bytes;
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes; i += 32) {
      const __m512i x = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)(row + i)));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(x, _mm512_loadu_si512(d->query + i)));
    }
    d->dots[n] = _mm512_reduce_add_epi32(sum);
  }
}

}  // namespace

const ScanKernels kAvx512Scan = {Rotate, Encode, Quantize, Tables, Scan, DotI8, DotF32};
}  // namespace minnow
