// SPDX-License-Identifier: Apache-2.0
// Gaussian blur, bit for bit as Pillow's ImageFilter.GaussianBlur makes it: three box blurs, one
// after the other. Pure; thread-safe. Throws std::bad_alloc where there is no memory.
#pragma once

#include "image/image.h"

namespace minnow {

// Each channel by itself. Radii are standard deviations in pixels; 0: not in that direction. Beyond
// its edges the image goes on with the pixels there. REQUIRES: radii are at least 0 and finite.
Image Blur(const Image& image, double radius_x, double radius_y);

}  // namespace minnow
