// SPDX-License-Identifier: Apache-2.0
#include "nn/low_rank.h"

namespace minnow {

void AddLowRank(const LowRank& product, size_t rows, size_t columns, float* out) {
  for (size_t n = 0; n < rows; ++n) {
    float* row = out + n * columns;
    for (size_t r = 0; r < product.rank; ++r) {
      const float factor = product.scale * product.up[n * product.rank + r];
      const float* down = product.down + r * columns;
      for (size_t k = 0; k < columns; ++k) row[k] += factor * down[k];
    }
  }
}

}  // namespace minnow
