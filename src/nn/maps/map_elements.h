// SPDX-License-Identifier: Apache-2.0
// Single elements of a FeatureMap, for what is not worth a kernel.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/map_kernels.h"
#include "nn/feature_map.h"

namespace minnow {

inline MapElement ElementOf(Dtype type) { return type == Dtype::kBF16 ? kMapBf16 : kMapF32; }
inline size_t ElementBytes(MapElement element) { return element == kMapBf16 ? 2 : 4; }

inline float GetElement(const void* data, MapElement element, size_t i) {
  if (element == kMapF32) return static_cast<const float*>(data)[i];
  return std::bit_cast<float>(static_cast<uint32_t>(static_cast<const uint16_t*>(data)[i]) << 16);
}
// Rounds to nearest, ties to even.
inline void SetElement(void* data, MapElement element, size_t i, float value) {
  if (element == kMapF32) {
    static_cast<float*>(data)[i] = value;
    return;
  }
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  static_cast<uint16_t*>(data)[i] =
      static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// Of a pixel of a map, at one of its channels.
inline const std::byte* ElementAt(const FeatureMap& map, size_t pixel, size_t channel = 0) {
  return map.data + (pixel * map.stride() + channel) * ElementBytes(ElementOf(map.type));
}
inline std::byte* ElementAt(FeatureMap& map, size_t pixel, size_t channel = 0) {
  return map.data + (pixel * map.stride() + channel) * ElementBytes(ElementOf(map.type));
}

// What stands beyond the channels of pixels [first, first + pixels).
inline void ZeroPadding(FeatureMap& map, size_t first, size_t pixels) {
  const MapElement element = ElementOf(map.type);
  for (size_t p = first; p < first + pixels; ++p) {
    for (size_t c = map.channels; c < map.stride(); ++c)
      SetElement(ElementAt(map, p), element, c, 0.0f);
  }
}

}  // namespace minnow
