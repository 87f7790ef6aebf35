// SPDX-License-Identifier: Apache-2.0
// A bucket for each distance, a row of the table for each bucket.
#include "nn/position_bias.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace minnow {

int DistanceBuckets::Of(int distance) const {
  const int side = bidirectional ? count / 2 : count;
  const int first = bidirectional && distance > 0 ? side : 0;
  const int far = bidirectional ? std::abs(distance) : std::max(-distance, 0);
  const int exact = side / 2;
  if (far < exact) return first + far;
  // In floats, as the reference rounds: a distance on the edge of a bucket depends on it.
  const float share = std::log(static_cast<float>(far) / static_cast<float>(exact)) /
                      static_cast<float>(std::log(static_cast<double>(max_distance) / exact));
  // Compared before it is cut off, which is defined for what an int can hold.
  const float above = share * static_cast<float>(side - exact);
  return first +
         std::min(exact + static_cast<int>(std::min(above, static_cast<float>(side))), side - 1);
}

PositionBias::PositionBias(const Kernels& kernels, const DistanceBuckets& buckets,
                           const EmbeddingTable& table, size_t max_tokens)
    : max_tokens_(max_tokens), bias_(table.columns() * (2 * max_tokens - 1)) {
  const size_t heads = table.columns();
  std::vector<float> rows(buckets.count * heads);
  for (int bucket = 0; bucket < buckets.count; ++bucket)
    table.Add(kernels, bucket, rows.data() + bucket * heads);
  for (size_t i = 0; i < stride(); ++i) {
    const int bucket = buckets.Of(static_cast<int>(i) - static_cast<int>(max_tokens - 1));
    for (size_t head = 0; head < heads; ++head)
      bias_.data()[head * stride() + i] = rows[bucket * heads + head];
  }
}

}  // namespace minnow
