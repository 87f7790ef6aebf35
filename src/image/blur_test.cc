// SPDX-License-Identifier: Apache-2.0
// What Pillow 12 makes of the same image, and what must hold for any.
#include "image/blur.h"

#include <gtest/gtest.h>

#include <vector>

namespace minnow {
namespace {

Image Pattern(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = NewImage(width, height, channels);
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      for (uint32_t c = 0; c < channels; ++c)
        image.row(y)[x * channels + c] = static_cast<uint8_t>(x * 37 + y * 91 + x * y * 7 + c * 50);
    }
  }
  return image;
}

struct Case {
  double radius_x, radius_y;
  std::vector<uint8_t> expected;
};

TEST(Blur, IsPillows) {
  const std::vector<Case> cases = {
      {2.5, 2.5, {96,  101, 108, 115, 120, 121, 121, 119, 117, 101, 106, 112, 118, 122,
                  123, 122, 120, 118, 108, 112, 117, 121, 124, 124, 124, 121, 120, 115,
                  118, 122, 125, 127, 126, 125, 122, 120, 121, 123, 126, 127, 129, 127,
                  125, 122, 120, 124, 127, 128, 129, 130, 128, 125, 121, 119}},
      {300, 300, {62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62,
                  62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62, 62,
                  63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63}},
      {0.7, 1.5, {68,  94,  110, 131, 119, 137, 148, 90,  95,  82,  107, 115, 131, 124,
                  135, 148, 98,  107, 98,  120, 123, 134, 133, 131, 147, 111, 121, 112,
                  123, 128, 135, 146, 131, 148, 120, 120, 121, 114, 130, 137, 156, 127,
                  146, 126, 107, 129, 106, 129, 138, 161, 125, 145, 128, 91}},
  };
  const Image image = Pattern(9, 6, 1);
  for (const Case& one : cases) {
    EXPECT_EQ(Blur(image, one.radius_x, one.radius_y).pixels, one.expected) << one.radius_x;
  }
}

TEST(Blur, KeepsWhatIsEven) {
  Image image = NewImage(5, 3, 4);
  for (uint8_t& value : image.pixels) value = 201;
  for (const double radius : {0.0, 0.3, 4.0, 256.0})
    EXPECT_EQ(Blur(image, radius, radius).pixels, image.pixels) << radius;
}

TEST(Blur, ChannelsAreApart) {
  const Image all = Blur(Pattern(7, 4, 3), 1.5, 2);
  for (uint32_t c = 0; c < 3; ++c) {
    Image one = NewImage(7, 4, 1);
    const Image image = Pattern(7, 4, 3);
    for (size_t i = 0; i < one.pixels.size(); ++i) one.pixels[i] = image.pixels[3 * i + c];
    const Image blurred = Blur(one, 1.5, 2);
    for (size_t i = 0; i < one.pixels.size(); ++i)
      EXPECT_EQ(all.pixels[3 * i + c], blurred.pixels[i]) << c << " " << i;
  }
}

TEST(Blur, OnePixelIsItself) {
  const Image image = Pattern(1, 1, 3);
  EXPECT_EQ(Blur(image, 3, 3).pixels, image.pixels);
}

}  // namespace
}  // namespace minnow
