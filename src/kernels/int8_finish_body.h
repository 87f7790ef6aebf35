// SPDX-License-Identifier: Apache-2.0
// What follows an int8 product's integer sums; included in an ISA file's anonymous namespace after
// LoadSums(p) (kLanes integer sums as floats) and vector_math_body.h.

// sum (s q + o) w = s sum q w + o sum w, then bias, activation and residual, while the tile is in
// the cache. `activate` is known when this is compiled: a choice for each vector would cost as much
// as the rest.
template <class Activate>
inline void FinishSumsWith(const struct PackedMatmul* m, size_t row, size_t rows, size_t column,
                           size_t columns, const Activate& activate) {
  for (size_t c = column; c < column + columns; c += kLanes) {
    const VF w_scale = VLoad(m->w_scale + c), w_sum = VLoad(m->w_sum + c);
    const VF bias = VLoad(m->bias + c);
    for (size_t r = row; r < row + rows; ++r) {
      float* y = m->y + r * m->y_stride + c;
      const VF constant = VMulAdd(VSet(m->x_offset[r]), w_sum, bias);
      VF value = activate(VMulAdd(LoadSums(y), VMul(VSet(m->x_scale[r]), w_scale), constant));
      if (m->residual) value = VAdd(value, VLoad(m->residual + r * m->residual_stride + c));
      VStore(y, value);
    }
  }
}

// Once in a file, a call for each tile.
[[gnu::noinline, gnu::noclone]] void FinishSums(const struct PackedMatmul* m, size_t row,
                                                size_t rows, size_t column, size_t columns) {
  const enum MatmulActivation activation = m->activation;
  switch (activation) {
    case kMatmulNone:
      return FinishSumsWith(m, row, rows, column, columns, [](VF x) { return x; });
    case kMatmulGeluErf:
      return FinishSumsWith(m, row, rows, column, columns, [](VF x) { return VGeluErfShort(x); });
    default:
      return FinishSumsWith(m, row, rows, column, columns, [activation](VF x) {
        return VActivate</*kShort=*/true>(x, activation);
      });
  }
}
