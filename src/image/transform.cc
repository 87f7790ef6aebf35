// SPDX-License-Identifier: Apache-2.0
#include "image/transform.h"

#include <cstring>

#include "base/check.h"

namespace minnow {

Image ToRgb(const Image& image) {
  if (image.channels == 3) return image;
  Image rgb = NewImage(image.width, image.height, 3);
  const size_t from = image.channels;
  for (size_t i = 0; i < size_t{image.width} * image.height; ++i) {
    for (size_t c = 0; c < 3; ++c)
      rgb.pixels[3 * i + c] = image.pixels[from * i + (from < 3 ? 0 : c)];
  }
  return rgb;
}

Image ToGrey(const Image& image) {
  if (image.channels == 1) return image;
  Image grey = NewImage(image.width, image.height, 1);
  const uint8_t* from = image.pixels.data();
  for (uint8_t& to : grey.pixels) {
    to = static_cast<uint8_t>((from[0] * 19595 + from[1] * 38470 + from[2] * 7471 + 0x8000) >> 16);
    from += image.channels;
  }
  return grey;
}

Image AlphaOf(const Image& image) {
  Image alpha = NewImage(image.width, image.height, 1);
  const uint8_t* from = image.pixels.data() + 3;
  for (uint8_t& to : alpha.pixels) {
    to = image.channels == 4 ? *from : 255;
    from += image.channels;
  }
  return alpha;
}

Image MakeUpright(Image image, int orientation) {
  CHECK(orientation >= kUpright && orientation <= kLastOrientation);
  if (orientation == kUpright) return image;
  // Where the first pixel of the result comes from, and where its neighbours to the right and
  // below do.
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const ptrdiff_t step_x = static_cast<ptrdiff_t>(image.channels) * (from_right ? -1 : 1);
  const ptrdiff_t step_y = static_cast<ptrdiff_t>(image.row_bytes()) * (from_bottom ? -1 : 1);
  const uint8_t* start = image.row(from_bottom ? image.height - 1 : 0) +
                         (from_right ? (image.width - 1) * size_t{image.channels} : 0);
  const bool swaps = SwapsSides(orientation);
  const ptrdiff_t right = swaps ? step_y : step_x;
  const ptrdiff_t below = swaps ? step_x : step_y;
  Image upright = swaps ? NewImage(image.height, image.width, image.channels)
                        : NewImage(image.width, image.height, image.channels);
  for (uint32_t y = 0; y < upright.height; ++y) {
    const uint8_t* from = start + below * static_cast<ptrdiff_t>(y);
    uint8_t* to = upright.row(y);
    for (uint32_t x = 0; x < upright.width; ++x) {
      std::memcpy(to, from, image.channels);
      to += image.channels;
      from += right;
    }
  }
  return upright;
}

}  // namespace minnow
