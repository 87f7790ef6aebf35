// SPDX-License-Identifier: Apache-2.0
// Attention in 8-bit integers over one text; included in an ISA file's anonymous namespace after
// tile_body.h over words of four 8-bit integers, LoadSums(p), and
//   StoreBytes(uint8_t* out, VF x): kLanes of x, rounded, in [0, 255];
//   Words4(a, b, c, d): a vector of words, each of four rounded numbers in [-127, 127].
//
// Queries and keys have a scale each, values one for each channel; probabilities are about 255ths
// of the row's largest, and their sum is that of the rounded ones, so that they add up to one. Sums
// are exact, so nothing depends on which queries are taken together.

#include "kernels/attention_keys_body.h"

enum { kQueryRows = 8 };  // queries of one tile

static const float kSteps = 127.0f;      // of a signed byte
static const float kZeroQuery = 128.0f;  // queries are stored with this added, as unsigned bytes
// The score of a key that is not there; twice of it is a float still.
static const float kNoKey = -1.0e30f;

inline size_t RoundUpTo(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Pieces of the scratch memory, in floats or words (both of four bytes).
struct AttentionScratch {
  size_t keys;       // L rounded up to 16
  size_t dim_words;  // words of a query: D/4
  size_t dim;        // D rounded up to 16
  size_t query_stride() const { return RoundUpTo(dim_words, 16); }
  size_t key_words() const { return keys / 4; }
  size_t probability_stride() const { return RoundUpTo(key_words(), 16); }
  size_t packed_k() const { return 0; }
  size_t packed_v() const { return packed_k() + keys * dim_words; }
  size_t key_scale() const { return packed_v() + dim * key_words(); }
  size_t key_shift() const { return key_scale() + keys; }
  size_t key_ones() const { return key_shift() + keys; }
  size_t key_dither() const { return key_ones() + probability_stride(); }
  size_t value_scale() const { return key_dither() + keys; }
  size_t queries() const { return value_scale() + dim; }
  size_t probabilities() const { return queries() + kQueryRows * query_stride(); }
  size_t scores() const { return probabilities() + kQueryRows * probability_stride(); }
  size_t out() const { return scores() + kQueryRows * keys; }
  size_t panel() const { return out() + kQueryRows * dim; }
  size_t total() const { return panel() + dim_words * 4 * kPanelColumns; }
};

inline AttentionScratch ScratchFor(size_t length, size_t head_dim) {
  const AttentionScratch scratch = {RoundUpTo(length, 16), (head_dim + 3) / 4,
                                    RoundUpTo(head_dim, 16)};
  return scratch;
}

size_t AttentionInt8ScratchFloats(size_t length, size_t head_dim) {
  return ScratchFor(length, head_dim).total();
}

inline VF Magnitude(VF x) { return VMax(x, VSub(VSet(0.0f), x)); }

// Steps of one unit; 0 where all of it is 0.
inline VF InverseScale(VF largest) { return VDiv(VSet(kSteps), VMax(largest, VSet(1.0e-30f))); }

// k: [L, D] of one head -> [L/16][D/4 words][16], each key's words a column; scale: [L]; shift:
// [L], what a score has too much because queries are stored with kZeroQuery added, times -scale.
inline float PackKeyWords(const struct AttentionF32* a, size_t column, const AttentionScratch& s) {
  float* panel = a->scratch + s.panel();
  const size_t padded = s.dim_words * 4 * kPanelColumns;
  for (size_t i = a->head_dim * kPanelColumns; i < padded; i += kLanes)
    VStore(panel + i, VSet(0.0f));
  VF fault = VSet(0.0f);
  for (size_t n = 0; n < s.keys; n += kPanelColumns) {
    const size_t used = a->length - n < kPanelColumns ? a->length - n : (size_t)kPanelColumns;
    PackKeys(a->k + column + n * a->qkv_stride, a->qkv_stride, used, a->head_dim, panel);
    for (size_t lane = 0; lane < kPanelColumns; lane += kLanes) {
      VF largest = VSet(0.0f);
      for (size_t i = lane; i < padded; i += kPanelColumns) {
        const VF x = VLoad(panel + i);
        largest = VMax(largest, Magnitude(x));
        fault = VMulAdd(x, VSet(0.0f), fault);
      }
      const VF inverse = InverseScale(largest);
      Word* out = (Word*)a->scratch + s.packed_k() + n * s.dim_words + lane;
      VA sums = VZeroAccumulator();
      const Word ones = 0x01010101;
      for (size_t w = 0; w < s.dim_words; ++w) {
        const float* of_word = panel + w * 4 * kPanelColumns + lane;
        const VW words =
            Words4(VMul(VLoad(of_word), inverse), VMul(VLoad(of_word + kPanelColumns), inverse),
                   VMul(VLoad(of_word + 2 * kPanelColumns), inverse),
                   VMul(VLoad(of_word + 3 * kPanelColumns), inverse));
        VStoreWords(out + w * kPanelColumns, words);
        sums = VDot(VBroadcastWord(&ones), words, sums);
      }
      float* shift = a->scratch + s.key_shift() + n + lane;
      const VF scale = VMul(largest, VSet(1.0f / kSteps));
      VStore(a->scratch + s.key_scale() + n + lane, scale);
      VStoreAccumulator(shift, sums);
      VStore(shift, VMul(VMul(LoadSums(shift), scale), VSet(-kZeroQuery)));
    }
  }
  for (size_t n = a->length; n < s.keys; ++n) a->scratch[s.key_shift() + n] = kNoKey;
  // 1 for each key that is there, as the probabilities lie in memory.
  uint8_t* ones = (uint8_t*)(a->scratch + s.key_ones());
  for (size_t n = 0; n < s.probability_stride() * sizeof(Word); ++n) ones[n] = n < a->length;
  return VReduceAdd(fault);
}

// v: [L, D] of one head -> [D/16][L/4 words][16]: a word holds four keys of one channel; scale:
// [D], plus `fault`, which makes NaN of what the head gives.
inline void PackValueWords(const struct AttentionF32* a, size_t column, const AttentionScratch& s,
                           float fault) {
  const float* v = a->v + column;
  const size_t stride = a->qkv_stride;
  for (size_t d = 0; d < a->head_dim; d += kLanes) {
    const size_t used = a->head_dim - d < (size_t)kLanes ? a->head_dim - d : (size_t)kLanes;
    VF largest = VSet(0.0f), faults = VSet(fault);
    for (size_t l = 0; l < a->length; ++l) {
      const VF x = VLoadPart(v + l * stride + d, used);
      largest = VMax(largest, Magnitude(x));
      faults = VMulAdd(x, VSet(0.0f), faults);
    }
    const VF inverse = InverseScale(largest);
    VStore(a->scratch + s.value_scale() + d, VMulAdd(largest, VSet(1.0f / kSteps), faults));
    Word* out = (Word*)a->scratch + s.packed_v() +
                d / kPanelColumns * kPanelColumns * s.key_words() + d % kPanelColumns;
    for (size_t w = 0; w < s.key_words(); ++w) {
      VF of_key[4];
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) {
        const size_t key = 4 * w + i;
        of_key[i] =
            key < a->length ? VMul(VLoadPart(v + key * stride + d, used), inverse) : VSet(0.0f);
      }
      VStoreWords(out + w * kPanelColumns, Words4(of_key[0], of_key[1], of_key[2], of_key[3]));
    }
  }
}

// A query as unsigned bytes; returns its scale, NaN where a value is not finite.
inline float StoreQuery(const float* q, size_t head_dim, uint8_t* out) {
  VF largest = VSet(0.0f), fault = VSet(0.0f);
  const size_t full = head_dim / kLanes * kLanes, rest = head_dim - full;
  for (size_t d = 0; d < full; d += kLanes) {
    largest = VMax(largest, Magnitude(VLoad(q + d)));
    fault = VMulAdd(VLoad(q + d), VSet(0.0f), fault);
  }
  if (rest) {
    const VF x = VLoadPart(q + full, rest);
    largest = VMax(largest, Magnitude(x));
    fault = VMulAdd(x, VSet(0.0f), fault);
  }
  const float most = VReduceMax(largest);
  const VF inverse = VSet(kSteps / (most > 1.0e-30f ? most : 1.0e-30f));
  for (size_t d = 0; d < full; d += kLanes)
    StoreBytes(out + d, VMulAdd(VLoad(q + d), inverse, VSet(kZeroQuery)));
  if (rest) StoreBytes(out + full, VMulAdd(VLoadPart(q + full, rest), inverse, VSet(kZeroQuery)));
  return most / kSteps + VReduceAdd(fault);
}

// 2^x for x <= 8 to 1e-4, or something that rounds to 0 as well. (2^-126 and less would be
// subnormal, which takes a processor a hundred times as long.)
inline VF Exp2Byte(VF x) {
  x = VMax(x, VSet(-20.0f));
  const VF n = VRound(x);
  const VF r = VSub(x, n);
  VF p = VSet(0.05517167084018434f);
  p = VMulAdd(p, r, VSet(0.24261113825196345f));
  p = VMulAdd(p, r, VSet(0.6932609865256495f));
  p = VMulAdd(p, r, VSet(0.9999280725865907f));
  return VScale2(p, n);
}

// scores: [L rounded up to 16], integer sums of a query -> probabilities as bytes. bias: of this
// row, or null.
inline void SoftmaxBytes(const struct AttentionF32* a, const AttentionScratch& s, float* scores,
                         float query_scale, const float* bias, uint8_t* probabilities) {
  const float* scale = a->scratch + s.key_scale();
  const float* shift = a->scratch + s.key_shift();
  const float* dither = a->scratch + s.key_dither();
  VF most = VSet(kNoKey);
  for (size_t i = 0; i < s.keys; i += kLanes) {
    VF score = VMulAdd(LoadSums(scores + i), VLoad(scale + i), VLoad(shift + i));
    if (bias) {
      const size_t left = i < a->length ? a->length - i : 0;
      const VF by_distance = left >= (size_t)kLanes
                                 ? VLoad(bias + i)
                                 : VSelectPart(left, VLoadPart(bias + i, left), VSet(kNoKey));
      score = VMulAdd(score, VSet(query_scale * a->scale), by_distance);
    }
    most = VMax(most, score);
    VStore(scores + i, score);
  }
  const float to_log2 = 1.44269504f * (bias ? 1.0f : query_scale * a->scale);
  const VF factor = VSet(to_log2), largest = VSet(VReduceMax(most)), log2_most = VSet(7.99152f);
  // The difference first: it is 0 at the largest, whose byte must not be 256.
  for (size_t i = 0; i < s.keys; i += kLanes) {
    const VF below = VSub(VLoad(scores + i), largest);
    StoreBytes(probabilities + i,
               VAdd(Exp2Byte(VMulAdd(below, factor, log2_most)), VLoad(dither + i)));
  }
}

// The sum of the probabilities of a row. It is taken when all rows of a tile are stored: a load
// that spans several stores waits for the last of them.
inline float SumBytes(const struct AttentionF32* a, const AttentionScratch& s,
                      const Word* probabilities) {
  const Word* ones = (const Word*)a->scratch + s.key_ones();
  VA sums = VZeroAccumulator();
  for (size_t i = 0; i < s.probability_stride(); i += kTileLanes)
    sums = VDot(VLoadWords(probabilities + i), VLoadWords(ones + i), sums);
  float stored[kTileLanes];
  VStoreAccumulator(stored, sums);
  return VReduceAdd(LoadSums(stored));
}

inline void StoreContext(const float* sums, const float* value_scale, float inverse,
                         size_t head_dim, float* context) {
  for (size_t d = 0; d < head_dim; d += kLanes) {
    const size_t n = head_dim - d < (size_t)kLanes ? head_dim - d : (size_t)kLanes;
    VStorePart(context + d, n,
               VMul(LoadSums(sums + d), VMul(VLoad(value_scale + d), VSet(inverse))));
  }
}

static const auto kNothingFollows = [](size_t, size_t, size_t, size_t) {};

// What is added to the probability of a key before it is rounded: multiples of the golden ratio,
// less their integers, around 0. Many keys of less than half a step count as much together as they
// should: some of them get a step, the others none. A short text has no such crowd, and rounding to
// the nearest is nearer: nothing is added.
inline void FillDither(float* dither, size_t keys, size_t length) {
  const float share = length > kMostKeysWithoutDither ? 0.98f : 0.0f;
  float at = 0.0f;
  for (size_t i = 0; i < keys; ++i) {
    dither[i] = share * (at - 0.5f);
    at += 0.618034f;
    if (at >= 1.0f) at -= 1.0f;
  }
}

// The part of the next head's rows that falls to queries [row, row + rows) of this one: its rows
// lie far apart, so that no processor asks for them by itself.
inline void PrefetchNextHead(const struct AttentionF32* a, size_t head, size_t row, size_t rows) {
  if (head + 1 >= a->heads) return;
  const size_t column = (head + 1) * a->head_dim, line = 64 / sizeof(float);
  for (size_t i = row; i < row + rows; ++i) {
    for (size_t d = 0; d < a->head_dim; d += line)
      __builtin_prefetch(a->q + i * a->qkv_stride + column + d, /*rw=*/0, /*locality=*/2);
  }
  const size_t end = (row + rows) * a->length / a->queries;
  for (size_t i = row * a->length / a->queries; i < end; ++i) {
    for (size_t d = 0; d < a->head_dim; d += line) {
      const size_t at = i * a->qkv_stride + column + d;
      __builtin_prefetch(a->k + at, /*rw=*/0, /*locality=*/2);
      __builtin_prefetch(a->v + at, /*rw=*/0, /*locality=*/2);
    }
  }
}

void AttentionInt8Head(const struct AttentionF32* a, size_t head, const AttentionScratch& s) {
  Word* words = (Word*)a->scratch;
  float* scores = a->scratch + s.scores();
  float* out = a->scratch + s.out();
  const size_t column = head * a->head_dim;
  PackValueWords(a, column, s, /*fault=*/PackKeyWords(a, column, s));
  for (size_t row = 0; row < a->queries;) {
    const size_t rows = EvenTile(a->queries - row, kQueryRows);
    PrefetchNextHead(a, head, row, rows);
    float query_scale[kQueryRows];
    for (size_t r = 0; r < rows; ++r) {
      query_scale[r] = StoreQuery(a->q + (row + r) * a->qkv_stride + column, a->head_dim,
                                  (uint8_t*)(words + s.queries() + r * s.query_stride()));
    }
    Product({words + s.queries(), s.query_stride(), words + s.packed_k(), s.dim_words, scores,
             s.keys, rows, s.keys / kPanelColumns},
            kNothingFollows);
    for (size_t r = 0; r < rows; ++r) {
      const float* bias =
          a->bias ? a->bias + head * a->bias_stride - (ptrdiff_t)(row + r) : (const float*)0;
      SoftmaxBytes(a, s, scores + r * s.keys, query_scale[r], bias,
                   (uint8_t*)(words + s.probabilities() + r * s.probability_stride()));
    }
    Product({words + s.probabilities(), s.probability_stride(), words + s.packed_v(), s.key_words(),
             out, s.dim, rows, s.dim / kPanelColumns},
            kNothingFollows);
    for (size_t r = 0; r < rows; ++r) {
      const float sum = SumBytes(a, s, words + s.probabilities() + r * s.probability_stride());
      // A query that is not finite has a scale that is not.
      StoreContext(out + r * s.dim, a->scratch + s.value_scale(),
                   1.0f / sum + 0.0f * query_scale[r], a->head_dim,
                   a->context + (row + r) * a->context_stride + column);
    }
    row += rows;
  }
}

void AttentionInt8Run(const struct AttentionF32* a) {
  const AttentionScratch scratch = ScratchFor(a->length, a->head_dim);
  FillDither(a->scratch + scratch.key_dither(), scratch.keys, a->length);
  for (size_t head = 0; head < a->heads; ++head) AttentionInt8Head(a, head, scratch);
}
