// SPDX-License-Identifier: Apache-2.0
#include "nn/token_rows.h"

#include <algorithm>

#include "nn/embedding_table.h"
#include "nn/weight_packing.h"

namespace minnow {

void RowsToMap(const float* rows, FeatureMap& map) {
  if (map.data == nullptr) return;
  for (size_t p = 0; p < map.pixels(); ++p) {
    const float* row = rows + p * map.channels;
    if (map.type == Dtype::kF32) {
      auto* out = reinterpret_cast<float*>(map.data) + p * map.stride();
      std::fill(std::copy_n(row, map.channels, out), out + map.stride(), 0.0f);
    } else {
      auto* out = reinterpret_cast<uint16_t*>(map.data) + p * map.stride();
      std::fill(std::transform(row, row + map.channels, out, RoundToBf16), out + map.stride(),
                uint16_t{0});
    }
  }
}

void MapToRows(const FeatureMap& map, float* rows) {
  if (map.data == nullptr) return;
  for (size_t p = 0; p < map.pixels(); ++p) {
    float* row = rows + p * map.channels;
    if (map.type == Dtype::kF32) {
      std::copy_n(reinterpret_cast<const float*>(map.data) + p * map.stride(), map.channels, row);
    } else {
      const auto* from = reinterpret_cast<const uint16_t*>(map.data) + p * map.stride();
      std::transform(from, from + map.channels, row, FloatFromBF16);
    }
  }
}

}  // namespace minnow
