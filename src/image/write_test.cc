// SPDX-License-Identifier: Apache-2.0
#include "image/write.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "image/read.h"
#include "image/transform.h"

namespace minnow {
namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// Smooth, so that lossy formats keep it nearly.
Image Gradient(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = NewImage(width, height, channels);
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width * channels; ++x) {
      image.row(y)[x] = static_cast<uint8_t>(x / channels * 2 + y * 3 + x % channels * 30);
    }
  }
  return image;
}

Image Read(const std::string& file, AlphaChannel alpha) {
  auto image = ReadImage(BytesOf(file), alpha, {});
  EXPECT_TRUE(image.ok()) << image.error().message;
  return image.ok() ? *std::move(image) : Image();
}

int LargestDifference(const Image& a, const Image& b) {
  if (a.pixels.size() != b.pixels.size()) return 1000;
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return largest;
}

TEST(WriteImage, PngKeepsEveryPixel) {
  for (const uint32_t side : {1u, 2u, 37u}) {
    EXPECT_EQ(ToGrey(Read(WritePng(Gradient(side, 9, 1), "").value(), AlphaChannel::kDrop)).pixels,
              Gradient(side, 9, 1).pixels);
    EXPECT_EQ(Read(WritePng(Gradient(side, 9, 3), "").value(), AlphaChannel::kDrop).pixels,
              Gradient(side, 9, 3).pixels);
    EXPECT_EQ(Read(WritePng(Gradient(side, 9, 4), "").value(), AlphaChannel::kKeep).pixels,
              Gradient(side, 9, 4).pixels);
  }
}

TEST(WriteImage, LossyFormatsAreNear) {
  const Image image = Gradient(40, 30, 3);
  EXPECT_LE(LargestDifference(Read(WriteJpeg(image, 100, "").value(), AlphaChannel::kDrop), image),
            24);
  EXPECT_LE(LargestDifference(Read(WriteWebp(image, 100, "").value(), AlphaChannel::kDrop), image),
            24);
  EXPECT_LT(WriteJpeg(image, 10, "").value().size(), WriteJpeg(image, 95, "").value().size());
  EXPECT_LT(WriteWebp(image, 10, "").value().size(), WriteWebp(image, 95, "").value().size());
}

TEST(WriteImage, GreyAndAlphaInEveryFormat) {
  const Image grey = Gradient(16, 16, 1);
  for (const std::string& file :
       {WriteJpeg(grey, 100, "x").value(), WriteWebp(grey, 100, "x").value()}) {
    EXPECT_LE(LargestDifference(ToGrey(Read(file, AlphaChannel::kDrop)), grey), 8);
  }
  const Image rgba = Gradient(16, 16, 4);
  EXPECT_EQ(AlphaOf(Read(WriteWebp(rgba, 90, "x").value(), AlphaChannel::kKeep)).pixels,
            AlphaOf(rgba).pixels);
  EXPECT_EQ(AlphaOf(Read(WriteJpeg(rgba, 90, "x").value(), AlphaChannel::kKeep)).pixels,
            std::vector<uint8_t>(256, 255));
}

TEST(WriteImage, ParametersAreReadBack) {
  for (const std::string text : {"a fish\nNegative prompt: blurry\nSteps: 20, Seed: 1", "caf\u00e9",
                                 "\u5c0f\u3055\u306a\u9b5a", "\U0001f41f and \u0100", "x"}) {
    for (const uint32_t channels : {1u, 3u, 4u}) {
      const Image image = Gradient(7, 5, channels);
      EXPECT_EQ(ReadParameters(BytesOf(WritePng(image, text).value())), text);
      EXPECT_EQ(ReadParameters(BytesOf(WriteJpeg(image, 80, text).value())), text);
      EXPECT_EQ(ReadParameters(BytesOf(WriteWebp(image, 80, text).value())), text);
    }
  }
}

TEST(WriteImage, TextOfPngIsLatin1WhereItCanBe) {
  const Image image = NewImage(1, 1, 3);
  EXPECT_NE(WritePng(image, "caf\u00e9").value().find(std::string("tEXtparameters\0caf\xe9", 19)),
            std::string::npos);
  EXPECT_NE(
      WritePng(image, "\u5c0f").value().find(std::string("iTXtparameters\0\0\0\0\0\u5c0f", 22)),
      std::string::npos);
  EXPECT_EQ(WritePng(image, "").value().find("tEXt"), std::string::npos);
}

TEST(WriteImage, TextsThatDoNotFit) {
  const Image image = NewImage(2, 2, 3);
  EXPECT_EQ(ReadParameters(BytesOf(WritePng(image, std::string("a\0b\xff", 4)).value())),
            "ab\uFFFD");
  const std::string text(40'000, 'x');
  EXPECT_EQ(ReadParameters(BytesOf(WritePng(image, text).value())), text);
  EXPECT_EQ(ReadParameters(BytesOf(WriteWebp(image, 80, text).value())), text);
  EXPECT_EQ(WriteJpeg(image, 80, text).value(), WriteJpeg(image, 80, "").value());
}

TEST(WriteImage, SidesThatAFormatCannotHold) {
  const Image wide = NewImage(70'000, 1, 1);
  EXPECT_TRUE(WritePng(wide, "").ok());
  EXPECT_EQ(WriteJpeg(wide, 80, "").error().message, "image: JPEG: a side over 65500");
  EXPECT_EQ(WriteWebp(wide, 80, "").error().message, "image: WebP: a side over 16383");
}

TEST(WriteImage, TheSameImageGivesTheSameBytes) {
  const Image image = Gradient(33, 21, 3);
  EXPECT_EQ(WritePng(image, "a").value(), WritePng(image, "a").value());
  EXPECT_EQ(WriteJpeg(image, 90, "a").value(), WriteJpeg(image, 90, "a").value());
  EXPECT_EQ(WriteWebp(image, 90, "a").value(), WriteWebp(image, 90, "a").value());
}

}  // namespace
}  // namespace minnow
