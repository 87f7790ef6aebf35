// SPDX-License-Identifier: Apache-2.0
// The tile of every matrix product: rows of words times packed panels of words, accumulated in
// registers.
//
// A word is what one step of K takes: one float, two bf16 or four 8-bit integers. An ISA file
// defines, in its anonymous namespace before it includes this file there:
//   Word, VW (a vector of words), VA (a vector of accumulators), kLanes, kMaxAccumulators,
//   VLoadWords(p), VBroadcastWord(p), VZeroAccumulator(), VDot(a, b, accumulator),
//   VStoreAccumulator(float*, v).
// Each output element is one chain of VDot over K in order, whatever the tile: grouping rows
// differently cannot change a bit.

static const int kVectorsPerPanel = (int)kPanelColumns / kLanes;

// y tile [R, 16*P] = x [R, words] times P packed panels [words][16]. All R*P*kVectorsPerPanel
// accumulators live in registers: every loop over them is unrolled, since GCC 12 spills the whole
// array when one is not.
template <int R, int P>
__attribute__((noinline)) void Tile(const Word* x, size_t x_stride, const Word* w,
                                    size_t panel_stride, size_t words, float* y, size_t y_stride) {
  static const int kV = P * kVectorsPerPanel;
  VA acc[R][kV];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < kV; ++v) acc[r][v] = VZeroAccumulator();
  }
  for (size_t k = 0; k < words; ++k) {
    VW b[kV];
#pragma GCC unroll 32
    for (int v = 0; v < kV; ++v) {
      b[v] = VLoadWords(w + (v / kVectorsPerPanel) * panel_stride + k * kPanelColumns +
                        (v % kVectorsPerPanel) * kLanes);
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
      const VW a = VBroadcastWord(x + r * x_stride + k);
#pragma GCC unroll 32
      for (int v = 0; v < kV; ++v) acc[r][v] = VDot(a, b[v], acc[r][v]);
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (int v = 0; v < kV; ++v) VStoreAccumulator(y + r * y_stride + v * kLanes, acc[r][v]);
  }
}

typedef void (*TileFunction)(const Word* x, size_t x_stride, const Word* w, size_t panel_stride,
                             size_t words, float* y, size_t y_stride);

// Rows that fill the registers when P panels are taken at a time.
template <int P>
struct TileRows {
  static const int kFit = kMaxAccumulators / (P * kVectorsPerPanel);
  static const int kMost = kFit < 12 ? kFit : 12;
};

template <int P, int R>
TileFunction TileIfFits() {
  if constexpr (R <= TileRows<P>::kMost) {
    return Tile<R, P>;
  } else {
    return 0;
  }
}

// REQUIRES: 1 <= rows <= TileRows<P>::kMost
template <int P>
TileFunction TileFor(size_t rows) {
  static const TileFunction kTable[] = {
      TileIfFits<P, 1>(), TileIfFits<P, 2>(),  TileIfFits<P, 3>(),  TileIfFits<P, 4>(),
      TileIfFits<P, 5>(), TileIfFits<P, 6>(),  TileIfFits<P, 7>(),  TileIfFits<P, 8>(),
      TileIfFits<P, 9>(), TileIfFits<P, 10>(), TileIfFits<P, 11>(), TileIfFits<P, 12>()};
  return kTable[rows - 1];
}

// Rows of the next tile when `rows` remain and a tile takes at most `most`: as even as possible, so
// that no tile is too thin to hide the latency of its products.
inline size_t EvenTile(size_t rows, size_t most) {
  const size_t tiles = (rows + most - 1) / most;
  return (rows + tiles - 1) / tiles;
}

// One product: operands in words, the raw accumulators to y.
struct TileOperands {
  const Word* x;
  size_t x_stride;
  const Word* w;
  size_t words;
  float* y;
  size_t y_stride;
  size_t rows;
  size_t panels;
};

// All rows of the P panels from `first_panel` on; finish(row, rows, column, columns) follows each
// tile.
template <int P, class Finish>
inline void ProductPanels(const TileOperands& t, size_t first_panel, const Finish& finish) {
  const size_t panel_stride = t.words * kPanelColumns;
  const size_t column = first_panel * kPanelColumns;
  for (size_t row = 0; row < t.rows;) {
    const size_t rows = EvenTile(t.rows - row, TileRows<P>::kMost);
    TileFor<P>(rows)(t.x + row * t.x_stride, t.x_stride, t.w + first_panel * panel_stride,
                     panel_stride, t.words, t.y + row * t.y_stride + column, t.y_stride);
    finish(row, rows, column, (size_t)(P * kPanelColumns));
    row += rows;
  }
}

// All of y, tile by tile. The shape of a tile is chosen by the number of rows.
template <class Finish>
inline void Product(const TileOperands& t, const Finish& finish) {
  size_t p = 0;
  if constexpr (TileRows<4>::kMost >= 4) {
    // Very few rows: many panels at a time, for more chains in flight.
    if constexpr (TileRows<8>::kMost >= 3) {
      if (t.rows <= 3) {
        for (; p + 8 <= t.panels; p += 8) ProductPanels<8>(t, p, finish);
      }
    }
    // 8 x 48 or 6 x 64: whichever leaves fewer products to half-filled tiles.
    const size_t work3 = (t.rows + 7) / 8 * 8, work4 = (t.rows + 5) / 6 * 6;
    if (work3 < work4 && t.rows > 3) {
      for (; p + 3 <= t.panels; p += 3) ProductPanels<3>(t, p, finish);
    }
    for (; p + 4 <= t.panels; p += 4) ProductPanels<4>(t, p, finish);
  }
  if (TileRows<2>::kMost >= 4 || t.rows <= TileRows<2>::kMost) {
    for (; p + 2 <= t.panels; p += 2) ProductPanels<2>(t, p, finish);
  }
  for (; p < t.panels; ++p) ProductPanels<1>(t, p, finish);
}
