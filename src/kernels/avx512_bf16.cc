// SPDX-License-Identifier: Apache-2.0
// bf16 products and attention for AVX-512 with BF16. C headers and intrinsics only; see
// cmake/kernels.cmake.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kAvx512Bf16;
extern const MapKernels kAvx512Bf16Map;
void AttentionAvx512Bf16(const AttentionF32* a);
size_t AttentionScratchAvx512Bf16(size_t length, size_t head_dim);
namespace {

// clang-format off
#include "kernels/avx512_vector_body.h"
#include "kernels/vector_math_body.h"
// clang-format on

typedef uint32_t Word;  // two bf16, the first in the low half
typedef uint32_t XWord;
typedef __m512i VW;
typedef __m512i VX;
typedef __m512 VA;
static const int kTileVectors = 4;
static const int kTileLanes = 16;
inline VW VLoadWords(const Word* p) { return _mm512_loadu_si512(p); }
inline VX VBroadcastWord(const XWord* p) { return _mm512_set1_epi32((int)*p); }
inline VA VZeroAccumulator() { return _mm512_setzero_ps(); }
inline VA VDot(VX a, VW b, VA accumulator) {
  return _mm512_dpbf16_ps(accumulator, (__m512bh)a, (__m512bh)b);
}
inline void VStoreAccumulator(float* p, VA v) { _mm512_storeu_ps(p, v); }

// 32 floats -> 16 words, in order.
inline __m512i WordsOf(VF first, VF second) { return (__m512i)_mm512_cvtne2ps_pbh(second, first); }

// Word i of a pair of rounded vectors: element i of the first and of the second.
alignas(64) static const uint16_t kInterleave[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                     21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                     11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
inline void VStoreWords(Word* p, VF even, VF odd) {
  const __m512i order = _mm512_load_si512(kInterleave);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi16(order, WordsOf(even, odd)));
}

#include "kernels/bf16_body.h"

// x: [n] f32 -> (n + 1) / 2 words, the last one filled up with zero.
inline void RoundRow(const float* x, size_t n, Word* out) {
  size_t i = 0;
  for (; i + 32 <= n; i += 32)
    _mm512_storeu_si512(out + i / 2, WordsOf(VLoad(x + i), VLoad(x + i + 16)));
  if (i == n) return;
  const size_t rest = n - i;
  const VF first = rest >= 16 ? VLoad(x + i) : VLoadPart(x + i, rest);
  const VF second = rest > 16 ? VLoadPart(x + i + 16, rest - 16) : VSet(0.0f);
  _mm512_mask_storeu_epi32(out + i / 2, (__mmask16)((1u << (rest + 1) / 2) - 1),
                           WordsOf(first, second));
}

void RoundRows(const float* x, size_t x_stride, size_t rows, size_t inner, const float*, void* out,
               size_t out_stride_bytes, float*, float*) {
  for (size_t r = 0; r < rows; ++r)
    RoundRow(x + r * x_stride, inner, (Word*)((char*)out + r * out_stride_bytes));
}

enum { kQueryRows = 8 };  // queries of one tile

inline size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Pieces of the scratch memory, in floats or words (both of four bytes).
struct AttentionScratch {
  size_t keys;       // L rounded up to 16
  size_t pairs;      // words of a row of probabilities: L/2 rounded up to 16
  size_t dim_words;  // words of a query: D/2 rounded up to 16
  size_t dim;        // D rounded up to 16
  size_t packed_k() const { return 0; }
  size_t packed_v() const { return keys * dim_words; }
  size_t queries() const { return packed_v() + dim * pairs; }
  size_t scores() const { return queries() + kQueryRows * dim_words; }
  size_t probabilities() const { return scores() + kQueryRows * keys; }
  size_t out() const { return probabilities() + kQueryRows * pairs; }
  size_t total() const { return out() + kQueryRows * dim; }
};

inline AttentionScratch ScratchFor(size_t length, size_t head_dim) {
  return {RoundUp(length, 16), RoundUp((length + 1) / 2, 16), RoundUp((head_dim + 1) / 2, 16),
          RoundUp(head_dim, 16)};
}

// k: [L, D] of one head -> [L/16][D/2 words][16]: each key's words become a column.
inline void PackKeys(const float* k, size_t stride, size_t length, size_t head_dim, Word* packed) {
  const size_t words = (head_dim + 1) / 2;
  Word rows[16][16];
  for (size_t n = 0; n < length; n += 16) {
    const size_t used = length - n < 16 ? length - n : 16;
    for (size_t d = 0; d < words; d += 16) {
      const size_t floats = head_dim - 2 * d < 32 ? head_dim - 2 * d : 32;
      __builtin_memset(rows, 0, sizeof rows);
      for (size_t j = 0; j < used; ++j) RoundRow(k + (n + j) * stride + 2 * d, floats, rows[j]);
      Word columns[16][16];
      Transpose16((const float*)rows, 16, (float*)columns);
      const size_t count = words - d < 16 ? words - d : 16;
      __builtin_memcpy(packed + n * words + d * 16, columns, count * sizeof columns[0]);
    }
  }
}

// v: [L, D] of one head -> [D/16][L/2 words][16]: a word holds two keys of one channel.
inline void PackValues(const float* v, size_t stride, size_t length, size_t head_dim,
                       Word* packed) {
  const size_t words = (length + 1) / 2;
  for (size_t d = 0; d < head_dim; d += 16) {
    const size_t used = head_dim - d < 16 ? head_dim - d : 16;
    for (size_t w = 0; w < words; ++w) {
      const float* row = v + 2 * w * stride + d;
      const VF even = VLoadPart(row, used);
      const VF odd = 2 * w + 1 < length ? VLoadPart(row + stride, used) : VSet(0.0f);
      VStoreWords(packed + (d * words) + w * 16, even, odd);
    }
  }
}

// 2^x for x <= 0 to 5e-5, which is well below bf16's steps of 4e-3.
inline VF Exp2Bf16(VF x) {
  const VF n = VRound(x);
  const VF r = VSub(x, n);
  VF p = VSet(9.6181291076284770e-3f);
  p = VMulAdd(p, r, VSet(5.5504108664821580e-2f));
  p = VMulAdd(p, r, VSet(2.4022650695910071e-1f));
  p = VMulAdd(p, r, VSet(6.9314718055994531e-1f));
  p = VMulAdd(p, r, VSet(1.0f));
  return VScale2(p, n);
}

// scores: [L], padded to whole vectors -> s * scale + bias
inline void BiasRow(float* scores, size_t length, float scale, const float* bias) {
  const VF factor = VSet(scale);
  for (size_t i = 0; i < length; i += 16) {
    const size_t n = length - i < 16 ? length - i : 16;
    VStore(scores + i, VMulAdd(VLoad(scores + i), factor, VLoadPart(bias + i, n)));
  }
}

// scores: [L], padded to whole vectors -> probabilities (times their sum) as words; returns 1 /
// sum.
inline float SoftmaxRow(float* scores, size_t length, float scale, Word* probabilities) {
  const VF lowest = VSet(-3.0e38f);
  const size_t full = length / 16 * 16, rest = length - full;
  if (rest) VStore(scores + full, VSelectPart(rest, VLoad(scores + full), lowest));
  const size_t padded = RoundUp(length, 16);
  VF most = lowest;
  for (size_t i = 0; i < padded; i += 16) most = VMax(most, VLoad(scores + i));
  const VF factor = VSet(scale * 1.44269504f);
  const VF shift = VMul(VSet(VReduceMax(most)), factor);
  VF sum = VSet(0.0f);
  for (size_t i = 0; i < padded; i += 32) {
    const VF first = Exp2Bf16(VMulSub(VLoad(scores + i), factor, shift));
    const VF second =
        i + 16 < padded ? Exp2Bf16(VMulSub(VLoad(scores + i + 16), factor, shift)) : VSet(0.0f);
    sum = VAdd(sum, VAdd(first, second));
    _mm512_storeu_si512(probabilities + i / 2, WordsOf(first, second));
  }
  return 1.0f / VReduceAdd(sum);
}

static const auto kNothing = [](size_t, size_t, size_t, size_t) {};

void AttentionHead(const struct AttentionF32* a, size_t head, const AttentionScratch& s) {
  Word* packed_k = (Word*)a->scratch + s.packed_k();
  Word* packed_v = (Word*)a->scratch + s.packed_v();
  Word* queries = (Word*)a->scratch + s.queries();
  float* scores = a->scratch + s.scores();
  Word* probabilities = (Word*)a->scratch + s.probabilities();
  float* out = a->scratch + s.out();
  const size_t column = head * a->head_dim, words = (a->head_dim + 1) / 2;
  PackKeys(a->k + column, a->qkv_stride, a->length, a->head_dim, packed_k);
  PackValues(a->v + column, a->qkv_stride, a->length, a->head_dim, packed_v);
  for (size_t row = 0; row < a->queries;) {
    const size_t rows = EvenTile(a->queries - row, kQueryRows);
    const float* q = a->q + row * a->qkv_stride + column;
    for (size_t r = 0; r < rows; ++r)
      RoundRow(q + r * a->qkv_stride, a->head_dim, queries + r * s.dim_words);
    Product({queries, s.dim_words, packed_k, words, scores, s.keys, rows, s.keys / 16}, kNothing);
    float inverse[kQueryRows];
    for (size_t r = 0; r < rows; ++r) {
      float* of_row = scores + r * s.keys;
      if (a->bias)
        BiasRow(of_row, a->length, a->scale, a->bias + head * a->bias_stride - (row + r));
      inverse[r] =
          SoftmaxRow(of_row, a->length, a->bias ? 1.0f : a->scale, probabilities + r * s.pairs);
    }
    Product({probabilities, s.pairs, packed_v, (a->length + 1) / 2, out, s.dim, rows, s.dim / 16},
            kNothing);
    for (size_t r = 0; r < rows; ++r) {
      float* context = a->context + (row + r) * a->context_stride + column;
      for (size_t d = 0; d < a->head_dim; d += 16) {
        const size_t n = a->head_dim - d < 16 ? a->head_dim - d : 16;
        VStorePart(context + d, n, VMul(VLoad(out + r * s.dim + d), VSet(inverse[r])));
      }
    }
    row += rows;
  }
}

}  // namespace

size_t AttentionScratchAvx512Bf16(size_t length, size_t head_dim) {
  return ScratchFor(length, head_dim).total();
}

void AttentionAvx512Bf16(const AttentionF32* a) {
  const AttentionScratch scratch = ScratchFor(a->length, a->head_dim);
  for (size_t head = 0; head < a->heads; ++head) AttentionHead(a, head, scratch);
}

const MapKernels kAvx512Bf16Map = kMapKernels;
const PackedKernels kAvx512Bf16 = {"avx512_bf16", RowBytes, RoundRows, MatmulBf16, &kAvx512Bf16Map};
}  // namespace minnow
