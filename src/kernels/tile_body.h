// SPDX-License-Identifier: Apache-2.0
// The tile of every matrix product: rows of words times packed panels of words, accumulated in
// registers.
//
// A word is what one step of K takes: one float, two bf16 or four 8-bit integers. An ISA file
// defines, in its anonymous namespace before it includes this file there:
//   Word, VW (a vector of words), VA (a vector of accumulators), kTileLanes, kMaxAccumulators,
//   VLoadWords(p), VBroadcastWord(p), VZeroAccumulator(), VDot(a, b, accumulator),
//   VStoreAccumulator(float*, v).
// Each output element is one chain of VDot over K in order, whatever the tile: grouping rows
// differently cannot change a bit.
//
// What follows a tile is a function object: finish(row, rows, column, columns) is called once the
// raw accumulators are in y. One that declares kInRegisters gets most of them before they are
// stored, Put(accumulators, row, column), and says by Prefetch(row, rows, column, columns) what it
// will touch.
//
// Integer products may be added up in a narrower type first, as far as they fit: then the ISA file
// defines MINNOW_GROUP_WORDS, the words of K that fit, VP (such sums), VProducts(a, b),
// VAddProducts(a, b, sums) and VWiden(sums, accumulator).

static const int kVectorsPerPanel = (int)kPanelColumns / kTileLanes;

static const size_t kLineBytes = 64;

// Products of few rows wait for memory: they take one panel at a time, or two where a panel is a
// single vector (one chain of sums for each row is too slow), so that weights are read in about the
// order in which they lie (docs/decisions/0080-thin-products.md).
static const size_t kMostThinRows = 16;
static const int kThinVectors = kVectorsPerPanel == 1  ? 2
                                : kVectorsPerPanel > 4 ? 4
                                                       : kVectorsPerPanel;

// What a tile asks for: a line or two in each step of K.
struct NextLines {
  const char* first;
  size_t step_bytes;  // from step to step
};

// Two thin panels go to the first-level cache, which holds them.
template <int V>
inline void PrefetchStep(const struct NextLines& next, size_t k) {
  const char* line = next.first + k * next.step_bytes;
  if constexpr (kVectorsPerPanel == 1 && V == kThinVectors) {
    __builtin_prefetch(line, /*rw=*/0, /*locality=*/3);
    __builtin_prefetch(line + next.step_bytes - kLineBytes, /*rw=*/0, /*locality=*/3);
  } else {
    __builtin_prefetch(line, /*rw=*/0, /*locality=*/2);
  }
}

#ifdef MINNOW_GROUP_WORDS
static const size_t kGroupWords = MINNOW_GROUP_WORDS;

// acc += the products of whole groups of words. Returns how many words these are.
template <int R, int V>
__attribute__((always_inline)) inline size_t AddGroups(const XWord* x, size_t x_stride,
                                                       const Word* w, size_t panel_stride,
                                                       size_t words, VA (&acc)[R][V],
                                                       const struct NextLines& next) {
  size_t k = 0;
  for (; k + kGroupWords <= words; k += kGroupWords) {
    VP sums[R][V];
#pragma GCC unroll 32
    for (size_t g = 0; g < kGroupWords; ++g) {
      PrefetchStep<V>(next, k + g);
      VW b[V];
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) {
        b[v] = VLoadWords(w + (v / kVectorsPerPanel) * panel_stride + (k + g) * kPanelColumns +
                          (v % kVectorsPerPanel) * kTileLanes);
      }
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
        const VX a = VBroadcastWord(x + r * x_stride + k + g);
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v)
          sums[r][v] = g == 0 ? VProducts(a, b[v]) : VAddProducts(a, b[v], sums[r][v]);
      }
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) acc[r][v] = VWiden(sums[r][v], acc[r][v]);
    }
  }
  return k;
}
#else
template <int R, int V>
inline size_t AddGroups(const XWord*, size_t, const Word*, size_t, size_t, VA (&)[R][V],
                        const struct NextLines&) {
  return 0;
}
#endif

// Single vectors of columns are what is left of wider ones, too few for tiles of their own.
template <int V, class Finish>
static constexpr bool FinishesInRegisters = V > 1 && requires {
  Finish::kInRegisters;
};

// What a tile does with its sums where `finish` wants them in y.
struct StoreSums {};
static const StoreSums kStoreSums = {};
template <int V, class Finish>
inline const auto& InTile(const Finish& finish) {
  if constexpr (FinishesInRegisters<V, Finish>) {
    return finish;
  } else {
    return kStoreSums;
  }
}

// A row of x: `count` pieces of `words` words each, `stride` words apart.
struct Segments {
  size_t count, words, stride;
};

// y tile [R, V vectors] = x [R, words] times V vectors of columns of packed w. All R*V accumulators
// live in registers: every loop over them is unrolled, since GCC 12 spills the whole array when one
// is not.
template <int R, int V, class Put>
__attribute__((noinline)) void Tile(const XWord* x, size_t x_stride, const Word* w,
                                    size_t panel_stride, struct Segments segments, float* y,
                                    size_t y_stride, struct NextLines next, const Put& put,
                                    size_t row, size_t column) {
  VA acc[R][V];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) acc[r][v] = VZeroAccumulator();
  }
  const size_t words = segments.words;
  for (size_t left = segments.count;;) {
    size_t k = AddGroups<R, V>(x, x_stride, w, panel_stride, words, acc, next);
    for (; k < words; ++k) {
      PrefetchStep<V>(next, k);
      VW b[V];
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) {
        b[v] = VLoadWords(w + (v / kVectorsPerPanel) * panel_stride + k * kPanelColumns +
                          (v % kVectorsPerPanel) * kTileLanes);
      }
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
        const VX a = VBroadcastWord(x + r * x_stride + k);
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) acc[r][v] = VDot(a, b[v], acc[r][v]);
      }
    }
    if (--left == 0) break;
    x += segments.stride;
    w += words * kPanelColumns;
    next.first += words * next.step_bytes;
  }
  if constexpr (FinishesInRegisters<V, Put>) {
    put.Put(acc, row, column);
    return;
  }
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) VStoreAccumulator(y + r * y_stride + v * kTileLanes, acc[r][v]);
  }
}

template <class Put>
using TileFunction = void (*)(const XWord* x, size_t x_stride, const Word* w, size_t panel_stride,
                              struct Segments segments, float* y, size_t y_stride,
                              struct NextLines next, const Put& put, size_t row, size_t column);

// Rows that fill the registers when V vectors are taken at a time.
template <int V>
struct TileRows {
  static const int kMost = kMaxAccumulators / V < 12 ? kMaxAccumulators / V : 12;
};

// Of a tile that ends in registers: WeightProduct gives such more than kMostThinRows rows in even
// tiles, or thin ones.
template <int V>
constexpr int FewestRows() {
  if (V <= kThinVectors) return 1;
  const int most = TileRows<V>::kMost;
  int fewest = most;
  for (int rows = (int)kMostThinRows + 1; rows <= most * most; ++rows) {
    const int least = rows / ((rows + most - 1) / most);
    if (least < fewest) fewest = least;
  }
  return fewest;
}

template <int V, int R, class Put>
TileFunction<Put> TileIfMet() {
  if constexpr (R <= TileRows<V>::kMost && (R >= FewestRows<V>() || !FinishesInRegisters<V, Put>)) {
    return Tile<R, V, Put>;
  } else {
    return 0;
  }
}

// REQUIRES: 1 <= rows <= TileRows<V>::kMost
template <int V, class Put>
TileFunction<Put> TileFor(size_t rows, const Put&) {
  static const TileFunction<Put> kTable[] = {
      TileIfMet<V, 1, Put>(),  TileIfMet<V, 2, Put>(),  TileIfMet<V, 3, Put>(),
      TileIfMet<V, 4, Put>(),  TileIfMet<V, 5, Put>(),  TileIfMet<V, 6, Put>(),
      TileIfMet<V, 7, Put>(),  TileIfMet<V, 8, Put>(),  TileIfMet<V, 9, Put>(),
      TileIfMet<V, 10, Put>(), TileIfMet<V, 11, Put>(), TileIfMet<V, 12, Put>()};
  return kTable[rows - 1];
}

// Rows of the next tile when `rows` remain and a tile takes at most `most`.
inline size_t EvenTile(size_t rows, size_t most) {
  const size_t tiles = (rows + most - 1) / most;
  return (rows + tiles - 1) / tiles;
}

// Rows in as few tiles as possible, as even as possible, so that no tile is too thin to hide the
// latency of its products: the first `larger` tiles have one row more than `least`.
struct TileSplit {
  size_t count, least, larger;
};
inline TileSplit SplitRows(size_t rows, size_t most) {
  const size_t count = (rows + most - 1) / most;
  const TileSplit split = {count, count ? rows / count : 0, count ? rows % count : 0};
  return split;
}

// One product: operands in words, the raw accumulators to y.
struct TileOperands {
  const XWord* x;
  size_t x_stride;
  const Word* w;
  size_t words;
  float* y;
  size_t y_stride;
  size_t rows;
  size_t panels;
};

// All rows of vectors [first, last) of columns, V at a time while they last; finish(row, rows,
// column, columns) follows each tile. Returns the first vector not done. REQUIRES: `first` is a
// multiple of V, or a panel is one vector.
template <int V, class Finish>
inline size_t ProductVectors(const TileOperands& t, size_t first, size_t last,
                             const Finish& finish) {
  const size_t panel_stride = t.words * kPanelColumns;
  const TileSplit tiles = SplitRows(t.rows, TileRows<V>::kMost);
  for (; first + V <= last; first += V) {
    const size_t column = first * kTileLanes;
    const Word* w =
        t.w + first / kVectorsPerPanel * panel_stride + first % kVectorsPerPanel * kTileLanes;
    // What the next group of columns will read, a part during each tile of this one.
    const char* next = (const char*)(w + V * kTileLanes / kPanelColumns * panel_stride);
    const size_t group_lines = V * kTileLanes * t.words * sizeof(Word) / kLineBytes;
    // A single tile asks for all of two thin panels, else further tiles ask for the rest.
    const size_t step_lines =
        kVectorsPerPanel == 1 && V == kThinVectors && tiles.count == 1 ? 2 : 1;
    const size_t lines = t.words * step_lines;
    size_t prefetched = 0, row = 0;
    for (size_t tile = 0; tile < tiles.count; ++tile) {
      const size_t rows = tiles.least + (tile < tiles.larger);
      if constexpr (FinishesInRegisters<V, Finish>)
        finish.Prefetch(row, rows, column, (size_t)(V * kTileLanes));
      TileFor<V>(rows, InTile<V>(finish))(t.x + row * t.x_stride, t.x_stride, w, panel_stride,
                                          {1, t.words, 0}, t.y + row * t.y_stride + column,
                                          t.y_stride,
                                          {next + prefetched * kLineBytes, step_lines * kLineBytes},
                                          InTile<V>(finish), row, column);
      prefetched += prefetched + lines < group_lines ? lines : 0;
      if constexpr (!FinishesInRegisters<V, Finish>)
        finish(row, rows, column, (size_t)(V * kTileLanes));
      row += rows;
    }
  }
  return first;
}

// All of y, tile by tile. The shape of a tile is chosen by the number of rows.
template <class Finish>
inline void Product(const TileOperands& t, const Finish& finish) {
  if (t.rows == 0) return;
  const size_t vectors = t.panels * kVectorsPerPanel;
  size_t first = 0;
  if constexpr (kTileVectors == 4 && kVectorsPerPanel == 1) {
    // 8 x 3 vectors or 6 x 4: whichever leaves fewer products to half-filled tiles.
    const size_t most3 = TileRows<3>::kMost, most4 = TileRows<4>::kMost;
    if ((t.rows + most3 - 1) / most3 * most3 < (t.rows + most4 - 1) / most4 * most4) {
      first = ProductVectors<3>(t, first, vectors, finish);
    }
  }
  first = ProductVectors<kTileVectors>(t, first, vectors, finish);
  if constexpr (kTileVectors > 2) first = ProductVectors<2>(t, first, vectors, finish);
  ProductVectors<1>(t, first, vectors, finish);
}

// Product for a packed weight, which may have to come from memory.
template <class Finish>
inline void WeightProduct(const TileOperands& t, const Finish& finish) {
  if (t.rows == 0 || t.rows > kMostThinRows) return Product(t, finish);
  const size_t vectors = t.panels * kVectorsPerPanel;
  const size_t first = ProductVectors<kThinVectors>(t, 0, vectors, finish);
  ProductVectors<1>(t, first, vectors, finish);
}
