// SPDX-License-Identifier: Apache-2.0
// What is done to pixels without looking around them: colours to grey, alpha alone, turns and
// mirrors. Pure functions; thread-safe.
#pragma once

#include "image/image.h"

namespace minnow {

// Three channels: alpha is dropped, grey becomes all three.
Image ToRgb(const Image& image);
// ITU-R 601 luma in Pillow's integers; alpha is dropped.
Image ToGrey(const Image& image);
// The alpha of an image with four channels as grey; 255 all over for others.
Image AlphaOf(const Image& image);

// EXIF's orientations.
inline constexpr int kUpright = 1;
inline constexpr int kLastOrientation = 8;
// True where width and height change places.
constexpr bool SwapsSides(int orientation) { return orientation >= 5; }
// Turned and mirrored so that it stands upright. REQUIRES: 1 <= orientation <= 8.
Image MakeUpright(Image image, int orientation);

}  // namespace minnow
