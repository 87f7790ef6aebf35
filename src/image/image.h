// SPDX-License-Identifier: Apache-2.0
// Image: pixels of 8 bits as they stand in memory, row by row from the top. A value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace minnow {

struct Image {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 0;        // 1: grey, 3: RGB, 4: RGBA, not premultiplied
  std::vector<uint8_t> pixels;  // [height, width, channels]

  size_t row_bytes() const { return size_t{width} * channels; }
  const uint8_t* row(size_t y) const { return pixels.data() + y * row_bytes(); }
  uint8_t* row(size_t y) { return pixels.data() + y * row_bytes(); }
};

// All zero. Throws std::bad_alloc where there is no memory.
inline Image NewImage(uint32_t width, uint32_t height, uint32_t channels) {
  return {width, height, channels, std::vector<uint8_t>(size_t{width} * height * channels)};
}

}  // namespace minnow
