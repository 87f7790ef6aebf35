// SPDX-License-Identifier: Apache-2.0
// What follows an int8 product's integer sums; included in an ISA file's anonymous namespace after
// LoadSums(p) (kLanes integer sums as floats) and vector_math_body.h.

// sum (s q + o) w = s sum q w + o sum w, then bias, activation and residual, while the tile is in
// the cache.
inline void FinishSums(const struct PackedMatmul* m, size_t row, size_t rows, size_t column,
                       size_t columns) {
  for (size_t r = row; r < row + rows; ++r) {
    float* y = m->y + r * m->y_stride;
    const float* residual = m->residual ? m->residual + r * m->residual_stride : 0;
    const VF scale = VSet(m->x_scale[r]), offset = VSet(m->x_offset[r]);
    for (size_t c = column; c < column + columns; c += kLanes) {
      const VF constant = VMulAdd(offset, VLoad(m->w_sum + c), VLoad(m->bias + c));
      VF value = VMulAdd(LoadSums(y + c), VMul(scale, VLoad(m->w_scale + c)), constant);
      value = VActivate</*kShort=*/true>(value, m->activation);
      if (residual) value = VAdd(value, VLoad(residual + c));
      VStore(y + c, value);
    }
  }
}
