// SPDX-License-Identifier: Apache-2.0
// Products over maps: the tiles of tile_body.h over lines of rows, each tile finished into the map
// while its sums are in the first-level cache; included in an ISA file's anonymous namespace after
// tile_body.h, map_vectors_body.h, vector_math_body.h, Element, kWordElements and kShortMath.

// sums: [rows, columns] of one tile; Y, R: types of elements of y and of the residual.
template <class Y, class R, class Activate>
inline void FinishMapTile(const struct MapProduct* m, const float* sums, size_t line, size_t row,
                          size_t rows, size_t column, size_t columns, const Activate& activate) {
  const enum MapCombine combine = m->combine;
  for (size_t c = column; c < column + columns; c += kLanes) {
    VF add = VLoad(m->bias + c);
    if (m->more) add = VAdd(add, VLoad(m->more + c));
    const float* from = sums + c - column;
    Y* y = (Y*)m->y + line * m->y_line_stride + row * m->y_stride + c;
    const R* residual =
        (const R*)m->residual + line * m->residual_line_stride + row * m->residual_stride + c;
    for (size_t r = 0; r < rows; ++r) {
      VF value = VAdd(VLoad(from + r * columns), add), other = value;
      if (combine != kCombineNone) other = VLoadElements(residual + r * m->residual_stride);
      if (combine == kCombineAddBeforeActivation) value = VAdd(value, other);
      value = activate(value);
      if (combine == kCombineAdd)
        value = VAdd(value, other);
      else if (combine == kCombineMultiply)
        value = VMul(value, other);
      VStoreElements(y + r * m->y_stride, value);
    }
  }
}

template <class Y, class R>
inline void FinishMapTyped(const struct MapProduct* m, const float* sums, size_t line, size_t row,
                           size_t rows, size_t column, size_t columns) {
  const enum MatmulActivation activation = m->activation;
  if (activation == kMatmulNone) {
    FinishMapTile<Y, R>(m, sums, line, row, rows, column, columns, [](VF x) { return x; });
  } else {
    FinishMapTile<Y, R>(m, sums, line, row, rows, column, columns,
                        [activation](VF x) { return VActivate<kShortMath>(x, activation); });
  }
}

// Four kinds of elements, each with every activation: once in a file, a call for each tile.
[[gnu::noinline, gnu::noclone]] void FinishMapSums(const struct MapProduct* m, const float* sums,
                                                   size_t line, size_t row, size_t rows,
                                                   size_t column, size_t columns) {
  if (m->y_element == kMapF32)
    m->residual_element == kMapF32
        ? FinishMapTyped<float, float>(m, sums, line, row, rows, column, columns)
        : FinishMapTyped<float, uint16_t>(m, sums, line, row, rows, column, columns);
  else
    m->residual_element == kMapF32
        ? FinishMapTyped<uint16_t, float>(m, sums, line, row, rows, column, columns)
        : FinishMapTyped<uint16_t, uint16_t>(m, sums, line, row, rows, column, columns);
}

// x in words.
struct LineOperands {
  const XWord* x;
  size_t x_stride, line_stride;
  struct Segments segments;
  const Word* w;
  size_t lines, rows, panels;
};

// As ProductVectors: vectors [first, last) of columns, V at a time while they last.
template <int V>
inline size_t LineVectors(const struct MapProduct* m, const LineOperands& t, size_t first,
                          size_t last) {
  alignas(64) float sums[TileRows<V>::kMost * V * kTileLanes];
  const size_t columns = V * kTileLanes;
  const bool raw = m->bias == nullptr;
  const size_t words = t.segments.count * t.segments.words, panel_stride = words * kPanelColumns;
  const TileSplit tiles = SplitRows(t.rows, TileRows<V>::kMost);
  const size_t group_lines = columns * words * sizeof(Word) / kLineBytes;
  // The last tiles ask for what the next columns will read: a line in each step.
  const size_t all = t.lines * tiles.count, asking = (group_lines + words - 1) / words;
  // The others ask for the rows of the next tile, where rows lie end to end.
  const size_t step_of_rows = t.x_stride == words ? TileRows<V>::kMost * sizeof(Word) : 0;
  for (; first + V <= last; first += V) {
    const Word* w =
        t.w + first / kVectorsPerPanel * panel_stride + first % kVectorsPerPanel * kTileLanes;
    const char* next = (const char*)(w + columns / kPanelColumns * panel_stride);
    size_t done = 0;
    for (size_t line = 0; line < t.lines; ++line) {
      size_t row = 0;
      for (size_t tile = 0; tile < tiles.count; ++tile, ++done) {
        const size_t rows = tiles.least + (tile < tiles.larger);
        const bool asks = all - done <= asking;
        const size_t part = asking - (all - done);
        const XWord* x = t.x + line * t.line_stride + row * t.x_stride;
        const NextLines lines = asks
                                    ? NextLines{next + part * words * kLineBytes, kLineBytes}
                                    : NextLines{(const char*)(x + rows * t.x_stride), step_of_rows};
        const size_t column = first * kTileLanes;
        float* y = raw ? (float*)m->y + line * m->y_line_stride + row * m->y_stride + column : sums;
        TileFor<V>(rows, kStoreSums)(x, t.x_stride, w, panel_stride, t.segments, y,
                                     raw ? m->y_stride : columns, lines, kStoreSums,
                                     /*row=*/0, /*column=*/0);
        if (!raw) FinishMapSums(m, sums, line, row, rows, column, columns);
        row += rows;
      }
    }
  }
  return first;
}

void MapProductRun(const struct MapProduct* m) {
  const LineOperands t = {(const XWord*)m->x,
                          m->x_stride / kWordElements,
                          m->line_stride / kWordElements,
                          {m->segments, (m->inner + kWordElements - 1) / kWordElements,
                           m->segment_stride / kWordElements},
                          (const Word*)m->w,
                          m->lines,
                          m->rows,
                          m->columns / kPanelColumns};
  if (t.rows == 0) return;
  const size_t vectors = t.panels * kVectorsPerPanel;
  size_t first = 0;
  if constexpr (kTileVectors == 4 && kVectorsPerPanel == 1) {
    // 8 x 3 vectors or 6 x 4, as in Product.
    const size_t most3 = TileRows<3>::kMost, most4 = TileRows<4>::kMost;
    if ((t.rows + most3 - 1) / most3 * most3 < (t.rows + most4 - 1) / most4 * most4)
      first = LineVectors<3>(m, t, first, vectors);
  }
  first = LineVectors<kTileVectors>(m, t, first, vectors);
  if constexpr (kTileVectors > 2) first = LineVectors<2>(m, t, first, vectors);
  LineVectors<1>(m, t, first, vectors);
}
