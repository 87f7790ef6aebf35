// SPDX-License-Identifier: Apache-2.0
// Resize against Pillow's Image.resize (tools/make_image_golden.py), bit for bit.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "formats/json.h"
#include "image/resize.h"
#include "tests/golden/image_files.h"

namespace minnow {
namespace {

// Bytes that look random, from their place.
Image Noise(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = NewImage(width, height, channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<uint8_t>((i * 2654435761 + 12345) % (uint64_t{1} << 32) >> 24);
  }
  return image;
}

TEST(ImageGolden, SizesArePillowsBitForBit) {
  const std::map<std::string, ResizeFilter, std::less<>> filters = {
      {"nearest", ResizeFilter::kNearest},
      {"box", ResizeFilter::kBox},
      {"bilinear", ResizeFilter::kBilinear},
      {"bicubic", ResizeFilter::kBicubic},
      {"lanczos", ResizeFilter::kLanczos}};
  const JsonDocument golden = JsonDocument::ReadFile(ImageGolden("resized.json").string()).value();
  EXPECT_GT(golden.root().size(), 400u);
  for (const JsonView one : golden.root().Items()) {
    const auto number = [&](size_t i) { return static_cast<uint32_t>(*one.at(i).Int(1, 10'000)); };
    const auto filter = filters.find(*one.at(5).String());
    ASSERT_NE(filter, filters.end());
    const Image image = Noise(number(0), number(1), number(4));
    const Image resized = Resize(image, number(2), number(3), filter->second);
    EXPECT_EQ(HashOf(resized), *one.at(6).String())
        << image.width << " x " << image.height << " to " << resized.width << " x "
        << resized.height << ", " << image.channels << " channels, " << filter->first;
  }
}

}  // namespace
}  // namespace minnow
