// SPDX-License-Identifier: Apache-2.0
// Other sizes of an image, bit for bit as Pillow's Image.resize makes them. Pure functions;
// thread-safe. Throws std::bad_alloc where there is no memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/image.h"

namespace minnow {

enum class ResizeFilter { kNearest, kBox, kBilinear, kBicubic, kLanczos };

// RGBA is resized premultiplied, but by kNearest. REQUIRES: no side is zero.
Image Resize(const Image& image, uint32_t width, uint32_t height, ResizeFilter filter);
// What Resize takes at its highest beside the image, its result included; of kNearest no less than
// that. An image that is thin becomes wide before it becomes low.
size_t ResizeBytes(uint32_t from_width, uint32_t from_height, uint32_t channels, uint32_t width,
                   uint32_t height, ResizeFilter filter);

}  // namespace minnow
