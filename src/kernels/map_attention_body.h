// SPDX-License-Identifier: Apache-2.0
// Attention over maps without a matrix of scores: blocks of keys, softmax corrected from block to
// block. Queries stand in the lanes, so that no head size needs padding and no sum crosses lanes:
// S^T = K Q^T, O^T = V^T P^T. Included in an ISA file's anonymous namespace after
// map_product_body.h, VStoreWords and Transpose16.

static const size_t kMapKeys = 256;  // of a block

struct MapAttentionShape {
  size_t dim_words;     // words of a head's row
  size_t padded_dim;    // D rounded up to whole transposed blocks
  size_t value_stride;  // elements from row to row of transposed values
};

inline MapAttentionShape ShapeOf(size_t head_dim) {
  const MapAttentionShape shape = {(head_dim + kWordElements - 1) / kWordElements,
                                   (head_dim + 15) / 16 * 16, kMapKeys};
  return shape;
}

inline size_t PackedKeyBytes(size_t length, size_t head_dim) {
  return (length * ShapeOf(head_dim).dim_words * sizeof(Word) + 63) / 64 * 64;
}

inline size_t PackedValueBytes(size_t length, size_t head_dim) {
  return (length + kMapKeys - 1) / kMapKeys * head_dim * kMapKeys * sizeof(Element);
}

// Keys as they are, but end to end: [L][D]; values transposed in blocks: [L /
// kMapKeys][D][kMapKeys]; the square of the largest norm of a key.
size_t MapAttentionPackedBytes(size_t length, size_t head_dim) {
  return PackedKeyBytes(length, head_dim) + PackedValueBytes(length, head_dim) + sizeof(float);
}

inline float* LargestKeyIn(void* packed, size_t length, size_t head_dim) {
  return (float*)((char*)packed + PackedKeyBytes(length, head_dim) +
                  PackedValueBytes(length, head_dim));
}

// Pieces of the scratch memory, all of four bytes.
struct MapAttentionScratch {
  Word* queries;                     // [panels][dim_words][16]
  float* scores;                     // [kMapKeys][queries]
  Word* probabilities;               // [panels][words][16]
  float* part;                       // [D][queries]: of one block of keys
  float* sum;                        // [D][queries]: of all so far
  float *most, *total, *correction;  // [queries]
};

inline MapAttentionScratch ScratchIn(void* memory, size_t head_dim) {
  const MapAttentionShape shape = ShapeOf(head_dim);
  float* at = (float*)memory;
  MapAttentionScratch s;
  s.queries = (Word*)at, at += kMapQueries * shape.dim_words;
  s.scores = at, at += kMapQueries * kMapKeys;
  s.probabilities = (Word*)at, at += kMapQueries * kMapKeys / kWordElements;
  s.part = at, at += kMapQueries * shape.padded_dim;
  s.sum = at, at += kMapQueries * shape.padded_dim;
  s.most = at, at += kMapQueries;
  s.total = at, at += kMapQueries;
  s.correction = at;
  return s;
}

size_t MapAttentionScratchBytes(size_t head_dim) {
  const MapAttentionShape shape = ShapeOf(head_dim);
  return kMapQueries * sizeof(float) *
         (shape.dim_words + kMapKeys + kMapKeys / kWordElements + 2 * shape.padded_dim + 3);
}

// 16 rows of 16 words -> rows of 16 elements: row e holds element e of each row of `from`.
inline void TransposeElements(const Element* from, size_t stride, Element* to, size_t to_stride) {
  float words[16 * 16];
  Transpose16((const float*)from, stride / kWordElements, words);
  for (int i = 0; i < 16; ++i) {
    uint32_t column[16];
    __builtin_memcpy(column, words + 16 * i, sizeof column);
    if constexpr (kWordElements == 1) {
      __builtin_memcpy(to + i * to_stride, column, sizeof column);
    } else {
      for (int j = 0; j < 16; ++j) {
        to[2 * i * to_stride + j] = (Element)column[j];
        to[(2 * i + 1) * to_stride + j] = (Element)(column[j] >> 16);
      }
    }
  }
}

// v: n <= kMapKeys rows -> [D][kMapKeys], filled up to a whole word with zero.
inline void PackValueBlock(const Element* v, size_t stride, size_t n, size_t head_dim,
                           Element* out) {
  const size_t step = 16 * kWordElements;
  for (size_t j = 0; j < n; j += 16) {
    for (size_t d = 0; d < head_dim; d += step) {
      if (n - j >= 16 && head_dim - d >= step) {
        TransposeElements(v + j * stride + d, stride, out + d * kMapKeys + j, kMapKeys);
        continue;
      }
      for (size_t e = d; e < head_dim && e < d + step; ++e) {
        for (size_t i = j; i < n && i < j + 16; ++i) out[e * kMapKeys + i] = v[i * stride + e];
      }
    }
  }
  if (n % kWordElements == 0) return;
  for (size_t d = 0; d < head_dim; ++d) out[d * kMapKeys + n] = 0;
}

// The largest sum of squares of `rows` rows of D elements; not a number where one of them is none.
inline float LargestSquares(const Element* x, size_t stride, size_t rows, size_t head_dim) {
  float largest = 0;
  for (size_t r = 0; r < rows; ++r) {
    VF squares = VSet(0.0f);
    for (size_t d = 0; d < head_dim; d += kLanes) {
      const size_t rest = head_dim - d;
      const VF v = rest >= kLanes ? VLoadElements(x + r * stride + d)
                                  : VLoadElementsPart(x + r * stride + d, rest);
      squares = VMulAdd(v, v, squares);
    }
    const float sum = VReduceAdd(squares);
    largest = sum <= largest ? largest : sum;
    if (sum != sum) return sum;
  }
  return largest;
}

void PackMapKeys(const struct MapAttention* a) {
  const size_t row = ShapeOf(a->head_dim).dim_words * kWordElements, dim = a->head_dim;
  Element* keys = (Element*)a->packed;
  for (size_t l = 0; l < a->length; ++l) {
    if (row != dim) keys[l * row + dim] = 0;
    __builtin_memcpy(keys + l * row, (const Element*)a->k + l * a->k_stride, dim * sizeof(Element));
  }
  Element* values = (Element*)((char*)a->packed + PackedKeyBytes(a->length, dim));
  for (size_t l = 0; l < a->length; l += kMapKeys) {
    const size_t n = a->length - l < kMapKeys ? a->length - l : kMapKeys;
    PackValueBlock((const Element*)a->v + l * a->v_stride, a->v_stride, n, dim, values + l * dim);
  }
  *LargestKeyIn(a->packed, a->length, dim) =
      LargestSquares((const Element*)a->k, a->k_stride, a->length, dim);
}

// q: rows -> [panels][dim_words][16 queries], filled up with zeros.
inline void PackQueries(const struct MapAttention* a, size_t panels, Word* out) {
  const size_t words = ShapeOf(a->head_dim).dim_words;
  const Element* q = (const Element*)a->q;
  for (size_t p = 0; p < panels; ++p, out += words * 16) {
    const size_t used = a->queries - 16 * p < 16 ? a->queries - 16 * p : 16;
    for (size_t w = 0; w < words; w += 16) {
      const size_t d = w * kWordElements;
      if (used == 16 && d + 16 * kWordElements <= a->head_dim) {
        Transpose16((const float*)(q + 16 * p * a->q_stride + d), a->q_stride / kWordElements,
                    (float*)(out + w * 16));
        continue;
      }
      const size_t end = words < w + 16 ? words : w + 16;
      __builtin_memset(out + w * 16, 0, (end - w) * 16 * sizeof(Word));
      for (size_t j = 0; j < used; ++j) {
        const Element* row = q + (16 * p + j) * a->q_stride;
        for (size_t i = w; i < end; ++i) {
          const size_t at = i * kWordElements, left = a->head_dim - at;
          if (left >= kWordElements)
            __builtin_memcpy(out + i * 16 + j, row + at, sizeof(Word));
          else
            __builtin_memcpy(out + i * 16 + j, row + at, sizeof(Element));
        }
      }
    }
  }
}

static const auto kNoFinish = [](size_t, size_t, size_t, size_t) {};

static const float kLowestScore = -1.0e38f;  // times log2(e) still finite

// Keys from `first` on that come after a query do not take part in it.
inline void HideLaterKeys(const struct MapAttention* a, size_t first, size_t n, size_t width,
                          float* scores) {
  for (size_t j = 0; j < n; ++j) {
    for (size_t c = 0; c < width && a->first_query + c < first + j; c += kLanes) {
      const size_t earlier = first + j - a->first_query - c;
      float* at = scores + j * width + c;
      const size_t hidden = earlier < kLanes ? earlier : (size_t)kLanes;
      VStore(at, hidden == kLanes ? VSet(kLowestScore)
                                  : VSelectPart(hidden, VSet(kLowestScore), VLoad(at)));
    }
  }
}

inline VF VProbability(VF x) { return kShortMath ? VExp2Short(x) : VExp2(x); }

// The largest of n scores of kLanes queries, and of `most`.
inline VF LargestScore(const float* scores, size_t width, size_t n, VF most) {
  VF other = most;
  size_t j = 0;
  for (; j + 2 <= n; j += 2) {
    most = VMax(most, VLoad(scores + j * width));
    other = VMax(other, VLoad(scores + (j + 1) * width));
  }
  if (j < n) most = VMax(most, VLoad(scores + j * width));
  return VMax(most, other);
}

// Where no score can be further from zero than this, as a power of two, softmax does without a
// largest score: sums of kMostTerms of its terms times values up to 2^30 stay within a float.
static const float kMostExponent = 80;
static const size_t kMostTerms = 1 << 14;

// |q k| <= |q| |k|; false where one of them is not a number.
inline bool ScoresAreSmall(const struct MapAttention* a) {
  if (a->causal || a->length > kMostTerms) return false;
  const float squares = LargestSquares((const Element*)a->q, a->q_stride, a->queries, a->head_dim) *
                        *LargestKeyIn(a->packed, a->length, a->head_dim);
  const float most = kMostExponent / (a->scale * 1.44269504f);
  return squares <= most * most;
}

// Tiles of scores: AVX-512 has the queries of a call in three vectors.
static const int kScoreVectors = kTileVectors == 4 && kVectorsPerPanel == 1 ? 3 : kTileVectors;
static const int kScoreRows = TileRows<kScoreVectors>::kMost;

// Takes a tile of small scores in registers: rows are keys, columns are queries.
struct PutExponentials {
  static constexpr bool kInRegisters = true;

  template <int R, int V>
  __attribute__((always_inline)) inline void Put(VA (&scores)[R][V], size_t row,
                                                 size_t column) const {
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) {
      const size_t c = column + v * kLanes;
      Word* to = probabilities + (c / 16 * words + row / kWordElements) * 16 + c % 16;
      VF sum = VLoad(total + c);
#pragma GCC unroll 32
      for (int r = 0; r < R; r += (int)kWordElements) {
        const VF even = VProbability(VMul(scores[r][v], factor));
        VF odd = VSet(0.0f);
        if constexpr (kWordElements == 2) odd = VProbability(VMul(scores[r + 1][v], factor));
        sum = VAdd(sum, kWordElements == 2 ? VAdd(even, odd) : even);
        VStoreWords(to + r / (int)kWordElements * 16, even, odd);
      }
      VStore(total + c, sum);
    }
  }

  Word* probabilities;  // [panels][words][16]
  size_t words;
  float* total;  // [queries]
  VF factor;
};

// What SoftmaxBlock makes of small scores of n keys, without storing the scores. False, and nothing
// is done: these are not whole tiles.
inline bool ExponentialsOfTiles(const MapAttentionScratch& s, const Word* keys, size_t dim_words,
                                size_t n, size_t width, float scale) {
  if constexpr (kScoreRows % kWordElements != 0) {
    return false;
  } else {
    const size_t columns = kScoreVectors * kTileLanes, panel_stride = dim_words * kPanelColumns;
    if (n % kScoreRows != 0 || width % columns != 0) return false;
    const PutExponentials put = {s.probabilities, n / kWordElements, s.total,
                                 VSet(scale * 1.44269504f)};
    for (size_t c = 0; c < width; c += columns) {
      const Word* queries = s.queries + c / kPanelColumns * panel_stride + c % kPanelColumns;
      const NextLines none = {(const char*)queries, 0};
      for (size_t row = 0; row < n; row += kScoreRows)
        Tile<kScoreRows, kScoreVectors>((const XWord*)keys + row * dim_words, dim_words, queries,
                                        panel_stride, {1, dim_words, 0}, nullptr, 0, none, put, row,
                                        c);
    }
    return true;
  }
}

// scores: [n][width] -> probabilities times their sum, and what earlier sums are multiplied by.
inline void SoftmaxBlock(const MapAttentionScratch& s, size_t n, size_t width, float scale,
                         bool small) {
  const VF factor = VSet(scale * 1.44269504f);
  const size_t words = (n + kWordElements - 1) / kWordElements;
  for (size_t c = 0; c < width; c += kLanes) {
    const float* scores = s.scores + c;
    const VF before = VLoad(s.most + c);
    const VF most = small ? before : LargestScore(scores, width, n, before);
    const VF shift = VMul(most, factor);
    VF total = VSet(0.0f);
    Word* to = s.probabilities + c / 16 * words * 16 + c % 16;
    for (size_t w = 0; w < words; ++w) {
      const size_t j = w * kWordElements;
      const VF even = VProbability(VMulSub(VLoad(scores + j * width), factor, shift));
      VF odd = VSet(0.0f);
      if (kWordElements == 2 && j + 1 < n)
        odd = VProbability(VMulSub(VLoad(scores + (j + 1) * width), factor, shift));
      total = VAdd(total, kWordElements == 2 ? VAdd(even, odd) : even);
      VStoreWords(to + w * 16, even, odd);
    }
    const VF correction = VProbability(VMul(VSub(before, most), factor));
    VStore(s.most + c, most);
    VStore(s.correction + c, correction);
    VStore(s.total + c, VMulAdd(VLoad(s.total + c), correction, total));
  }
}

// y of 16 queries from a panel of sums [D][width].
inline void WriteQueries(const struct MapAttention* a, const float* sum, size_t width, size_t first,
                         size_t queries) {
  float rows[16 * 16];
  for (size_t d = 0; d < a->head_dim; d += 16) {
    Transpose16(sum + d * width, width, rows);
    for (size_t i = 0; i < queries; ++i) {
      Element* y = (Element*)a->y + (first + i) * a->y_stride + d;
      for (size_t e = 0; e < 16 && d + e < a->head_dim; e += kLanes) {
        const size_t rest = a->head_dim - d - e;
        const VF value = VLoad(rows + i * 16 + e);
        rest >= kLanes ? VStoreElements(y + e, value) : VStoreElementsPart(y + e, rest, value);
      }
    }
  }
}

inline void FillVector(float* x, size_t n, float value) {
  for (size_t i = 0; i < n; i += kLanes) VStore(x + i, VSet(value));
}

// The sums of one more block of keys to those of earlier ones, [D][width].
inline void AddPart(const MapAttentionScratch& s, size_t dim, size_t width, bool small) {
  for (size_t d = 0; d < dim; ++d) {
    for (size_t c = 0; c < width; c += kLanes) {
      float* sum = s.sum + d * width + c;
      const VF part = VLoad(s.part + d * width + c);
      VStore(sum,
             small ? VAdd(VLoad(sum), part) : VMulAdd(VLoad(sum), VLoad(s.correction + c), part));
    }
  }
}

void AttendMap(const struct MapAttention* a) {
  const MapAttentionShape shape = ShapeOf(a->head_dim);
  const MapAttentionScratch s = ScratchIn(a->scratch, a->head_dim);
  const size_t panels = (a->queries + 15) / 16, width = 16 * panels, dim = a->head_dim;
  const Word* keys = (const Word*)a->packed;
  const Element* values = (const Element*)((const char*)a->packed + PackedKeyBytes(a->length, dim));
  const size_t end = a->causal && a->first_query + a->queries < a->length
                         ? a->first_query + a->queries
                         : a->length;
  PackQueries(a, panels, s.queries);
  const bool small = ScoresAreSmall(a);
  FillVector(s.total, width, 0.0f);
  FillVector(s.most, width, small ? 0.0f : kLowestScore);
  for (size_t l = 0; l < end; l += kMapKeys) {
    const size_t n = end - l < kMapKeys ? end - l : kMapKeys;
    const Word* block = keys + l * shape.dim_words;
    if (!small || !ExponentialsOfTiles(s, block, shape.dim_words, n, width, a->scale)) {
      Product({(const XWord*)block, shape.dim_words, s.queries, shape.dim_words, s.scores, width, n,
               panels},
              kNoFinish);
      if (a->causal && l + n > a->first_query + 1) HideLaterKeys(a, l, n, width, s.scores);
      SoftmaxBlock(s, n, width, a->scale, small);
    }
    Product({(const XWord*)(values + l * dim), kMapKeys / kWordElements, s.probabilities,
             (n + kWordElements - 1) / kWordElements, l == 0 ? s.sum : s.part, width, dim, panels},
            kNoFinish);
    if (l != 0) AddPart(s, dim, width, small);
  }
  for (size_t c = 0; c < width; c += kLanes) {
    const VF inverse = VDiv(VSet(1.0f), VLoad(s.total + c));
    for (size_t d = 0; d < dim; ++d) {
      float* sum = s.sum + d * width + c;
      VStore(sum, VMul(VLoad(sum), inverse));
    }
  }
  for (size_t p = 0; p < panels; ++p) {
    const size_t queries = a->queries - 16 * p < 16 ? a->queries - 16 * p : 16;
    WriteQueries(a, s.sum + 16 * p, width, 16 * p, queries);
  }
}
