// SPDX-License-Identifier: Apache-2.0
// Keys in the layout of a packed weight; included in an ISA file's anonymous namespace after its
// vector type.

// k: [L, D] of one head, as rows of the projection -> [L/16][D][16], a weight with L columns,
// filled up with zeros.
inline void PackKeys(const float* k, size_t stride, size_t length, size_t head_dim, float* packed) {
  for (size_t n = 0; n < length; n += kPanelColumns) {
    float* panel = packed + n * head_dim;
    const size_t used = length - n < kPanelColumns ? length - n : (size_t)kPanelColumns;
    if (used == kPanelColumns && head_dim % kPanelColumns == 0) {
      for (size_t d = 0; d < head_dim; d += kPanelColumns) {
        Transpose16(k + n * stride + d, stride, panel + d * kPanelColumns);
      }
      continue;
    }
    for (size_t d = 0; d < head_dim; ++d) {
      for (size_t j = 0; j < kPanelColumns; ++j) {
        panel[d * kPanelColumns + j] = j < used ? k[(n + j) * stride + d] : 0.0f;
      }
    }
  }
}
