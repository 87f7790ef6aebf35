// SPDX-License-Identifier: Apache-2.0
// Products of two thin matrices, as adapters add them to weights.
#pragma once

#include <cstddef>

namespace minnow {

struct LowRank {
  const float* up = nullptr;    // [rows, rank]
  const float* down = nullptr;  // [rank, columns]
  size_t rank = 0;
  float scale = 1;
};

// out += scale * up * down. out: [rows, columns]
void AddLowRank(const LowRank& product, size_t rows, size_t columns, float* out);

}  // namespace minnow
