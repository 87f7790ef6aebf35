// SPDX-License-Identifier: Apache-2.0
// Matrix products by AMX: the blocking and the tile registers, for every type of word.
//
// The file that includes this in its anonymous namespace provides the tile instructions under their
// intrinsics' names (_tile_loadconfig, _tile_release, _tile_zero, _tile_loadd, _tile_stored;
// immintrin.h or a model of them) and MINNOW_TILE_DOT(c, a, b), which adds the product of tiles a
// and b to c.
//
// A packed panel is a sequence of B tiles as it lies in memory: 16 words of K, each of 16 columns.
// Registers: 0-3 accumulators, 4-5 rows of x, 6-7 weights. Each output is one chain of tile
// products over K in order, 16 words at a time, whichever rows share a tile.

enum {
  kTileRows = 16,
  kTileRowBytes = 64,
  kTileWords = 16,
  kTileBytes = kTileRows * kTileRowBytes,
  kWidePanels = 4  // panels at a time when there is one tile of rows
};

// One product: rows of words, padded to whole 64 bytes, times panels; the raw sums to y.
struct AmxOperands {
  const char* x;
  size_t x_stride_bytes;
  const char* w;
  size_t words;  // of K
  float* y;
  size_t y_stride;
  size_t rows;
  size_t panels;
};

// What ldtilecfg reads.
struct AmxConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(AmxConfig) == 64, "the instruction reads 64 bytes");

// The intrinsics do not tell the compiler which memory they read: all that was written before this
// is there.
inline void PublishToTiles(const void* p) { __asm__ volatile("" : : "r"(p) : "memory"); }

// Tiles 0, 1 and 4 take `upper` rows, 2, 3 and 5 take `lower`. Clears all tiles.
inline void ConfigureTiles(size_t upper, size_t lower) {
  AmxConfig config;
  __builtin_memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int i = 0; i < 8; ++i) config.row_bytes[i] = kTileRowBytes;
  config.rows[0] = config.rows[1] = config.rows[4] = (uint8_t)upper;
  config.rows[2] = config.rows[3] = config.rows[5] = (uint8_t)lower;
  config.rows[6] = config.rows[7] = kTileWords;
  PublishToTiles(&config);
  _tile_loadconfig(&config);
}

// The last words of `count` panels from `panel`, filled up with zeros to a whole tile each, so that
// what stands behind a row of x (int8: anything; bf16: zeros) adds nothing.
inline void CopyTails(const AmxOperands& o, size_t panel, size_t count, char* tails) {
  const size_t rest = o.words % kTileWords, panel_bytes = o.words * kTileRowBytes;
  if (rest == 0) return;
  __builtin_memset(tails, 0, count * kTileBytes);
  for (size_t i = 0; i < count; ++i) {
    const char* end = o.w + (panel + i + 1) * panel_bytes;
    __builtin_memcpy(tails + i * kTileBytes, end - rest * kTileRowBytes, rest * kTileRowBytes);
  }
  PublishToTiles(tails);
}

// 32 rows (the upper tile full) x 1 or 2 panels: one step of K. w1 may be null.
inline void StepPair(const char* x, size_t x_stride, const char* w0, const char* w1) {
  _tile_loadd(4, x, x_stride);
  _tile_loadd(6, w0, kTileRowBytes);
  MINNOW_TILE_DOT(0, 4, 6);
  _tile_loadd(5, x + kTileRows * x_stride, x_stride);
  MINNOW_TILE_DOT(2, 5, 6);
  if (w1 == 0) return;
  _tile_loadd(7, w1, kTileRowBytes);
  MINNOW_TILE_DOT(1, 4, 7);
  MINNOW_TILE_DOT(3, 5, 7);
}

inline void PairBlock(const AmxOperands& o, size_t row, size_t panel, bool two, const char* tails) {
  const size_t panel_bytes = o.words * kTileRowBytes, y_stride = o.y_stride * sizeof(float);
  const char* x = o.x + row * o.x_stride_bytes;
  const char* w = o.w + panel * panel_bytes;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  size_t k = 0;
  for (; k < o.words / kTileWords; ++k) {
    const char* step = w + k * kTileBytes;
    StepPair(x + k * kTileRowBytes, o.x_stride_bytes, step, two ? step + panel_bytes : 0);
  }
  if (o.words % kTileWords) {
    StepPair(x + k * kTileRowBytes, o.x_stride_bytes, tails, two ? tails + kTileBytes : 0);
  }
  float* y = o.y + row * o.y_stride + panel * kPanelColumns;
  _tile_stored(0, y, y_stride);
  _tile_stored(2, y + kTileRows * o.y_stride, y_stride);
  if (!two) return;
  _tile_stored(1, y + kPanelColumns, y_stride);
  _tile_stored(3, y + kTileRows * o.y_stride + kPanelColumns, y_stride);
}

// Up to 16 rows x 1 to 4 panels, `w_stride` bytes apart: one step of K.
inline void StepWide(const char* x, size_t x_stride, const char* w, size_t w_stride,
                     size_t panels) {
  _tile_loadd(4, x, x_stride);
  _tile_loadd(6, w, kTileRowBytes);
  MINNOW_TILE_DOT(0, 4, 6);
  if (panels == 1) return;
  _tile_loadd(7, w + w_stride, kTileRowBytes);
  MINNOW_TILE_DOT(1, 4, 7);
  if (panels == 2) return;
  _tile_loadd(6, w + 2 * w_stride, kTileRowBytes);
  MINNOW_TILE_DOT(2, 4, 6);
  if (panels == 3) return;
  _tile_loadd(7, w + 3 * w_stride, kTileRowBytes);
  MINNOW_TILE_DOT(3, 4, 7);
}

inline void WideBlock(const AmxOperands& o, size_t row, size_t panel, size_t panels,
                      const char* tails) {
  const size_t panel_bytes = o.words * kTileRowBytes, y_stride = o.y_stride * sizeof(float);
  const char* x = o.x + row * o.x_stride_bytes;
  const char* w = o.w + panel * panel_bytes;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  size_t k = 0;
  for (; k < o.words / kTileWords; ++k) {
    StepWide(x + k * kTileRowBytes, o.x_stride_bytes, w + k * kTileBytes, panel_bytes, panels);
  }
  if (o.words % kTileWords)
    StepWide(x + k * kTileRowBytes, o.x_stride_bytes, tails, kTileBytes, panels);
  float* y = o.y + row * o.y_stride + panel * kPanelColumns;
  _tile_stored(0, y, y_stride);
  if (panels > 1) _tile_stored(1, y + kPanelColumns, y_stride);
  if (panels > 2) _tile_stored(2, y + 2 * kPanelColumns, y_stride);
  if (panels > 3) _tile_stored(3, y + 3 * kPanelColumns, y_stride);
}

// Rows [first, last) in pairs of tiles with `lower` rows in the second of each.
template <class Finish>
inline void PairRows(const AmxOperands& o, size_t first, size_t last, size_t lower,
                     const Finish& finish) {
  if (first == last) return;
  char tails[2 * kTileBytes] __attribute__((aligned(64)));
  ConfigureTiles(kTileRows, lower);
  for (size_t panel = 0; panel < o.panels; panel += 2) {
    const size_t panels = o.panels - panel < 2 ? 1 : 2;
    CopyTails(o, panel, panels, tails);
    for (size_t row = first; row < last; row += kTileRows + lower) {
      PairBlock(o, row, panel, panels == 2, tails);
      finish(row, kTileRows + lower, panel * kPanelColumns, panels * kPanelColumns);
    }
  }
}

// The last 1 to 16 rows, from `row`.
template <class Finish>
inline void WideRows(const AmxOperands& o, size_t row, const Finish& finish) {
  char tails[kWidePanels * kTileBytes] __attribute__((aligned(64)));
  const size_t rows = o.rows - row;
  ConfigureTiles(rows, rows);
  for (size_t panel = 0; panel < o.panels; panel += kWidePanels) {
    const size_t panels = o.panels - panel < kWidePanels ? o.panels - panel : (size_t)kWidePanels;
    CopyTails(o, panel, panels, tails);
    WideBlock(o, row, panel, panels, tails);
    finish(row, rows, panel * kPanelColumns, panels * kPanelColumns);
  }
}

// All of y; finish(row, rows, column, columns) follows each block. Leaves the tiles released, which
// spares the operating system from saving them.
template <class Finish>
inline void AmxProduct(const AmxOperands& o, const Finish& finish) {
  const size_t pairs = o.rows / (2 * kTileRows) * (2 * kTileRows), rest = o.rows - pairs;
  PublishToTiles(o.x);
  PairRows(o, 0, pairs, kTileRows, finish);
  if (rest > kTileRows) {
    PairRows(o, pairs, o.rows, rest - kTileRows, finish);
  } else if (rest > 0) {
    WideRows(o, pairs, finish);
  }
  _tile_release();
}
