// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's F(2x2, 3x3) (https://arxiv.org/abs/1509.09308); included in an ISA
// file's anonymous namespace after map_product_body.h.

// Of one tile and the vector of channels at c; part: lanes that count.
template <bool kWhole>
inline void WinogradInputVector(const struct MapWinogradInput* a, const Element* x, Element* y,
                                size_t part) {
  VF t[4][4];  // lines transformed
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    VF d[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Element* from = x + i * a->line_stride + j * a->x_stride;
      d[i] = kWhole ? VLoadElements(from) : VLoadElementsPart(from, part);
    }
    t[0][j] = VSub(d[0], d[2]);
    t[1][j] = VAdd(d[1], d[2]);
    t[2][j] = VSub(d[2], d[1]);
    t[3][j] = VSub(d[1], d[3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const VF v[4] = {VSub(t[i][0], t[i][2]), VAdd(t[i][1], t[i][2]), VSub(t[i][2], t[i][1]),
                     VSub(t[i][1], t[i][3])};
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      Element* to = y + (4 * i + j) * a->position_stride;
      kWhole ? VStoreElements(to, v[j]) : VStoreElementsPart(to, part, v[j]);
    }
  }
}

void MapWinogradInputRun(const struct MapWinogradInput* a) {
  for (size_t tile = 0; tile < a->tiles; ++tile) {
    const Element* x = (const Element*)a->x + 2 * tile * a->x_stride;
    Element* y = (Element*)a->y + tile * a->y_stride;
    size_t c = 0;
    for (; c + kLanes <= a->channels; c += kLanes)
      WinogradInputVector<true>(a, x + c, y + c, kLanes);
    if (c < a->channels) WinogradInputVector<false>(a, x + c, y + c, a->channels - c);
  }
}

void MapWinogradOutputRun(const struct MapWinogradOutput* a) {
  const struct MapProduct* m = a->finish;
  const size_t columns = m->columns;
  alignas(64) float pixels[2][2 * kMapWinogradColumns];  // [lines][2 pixels][columns]
  for (size_t row = 0; row < m->rows; row += 2) {
    const float* sums = a->sums + row / 2 * a->stride;
    for (size_t c = 0; c < columns; c += kLanes) {
      VF s[2][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const float* from = sums + j * a->position_stride + c;
        const size_t line = 4 * a->position_stride;
        const VF second = VLoad(from + line), third = VLoad(from + 2 * line);
        s[0][j] = VAdd(VAdd(VLoad(from), second), third);
        s[1][j] = VSub(VSub(second, third), VLoad(from + 3 * line));
      }
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        VStore(pixels[i] + c, VAdd(VAdd(s[i][0], s[i][1]), s[i][2]));
        VStore(pixels[i] + columns + c, VSub(VSub(s[i][1], s[i][2]), s[i][3]));
      }
    }
    const size_t rows = m->rows - row < 2 ? 1 : 2;
    for (size_t line = 0; line < m->lines; ++line)
      FinishMapSums(m, pixels[line], line, row, rows, 0, columns);
  }
}

static constexpr MapKernels kMapKernels = {
    MapProductRun, MapAttentionPackedBytes, MapAttentionScratchBytes, PackMapKeys,
    AttendMap,     MapWinogradInputRun,     MapWinogradOutputRun};
