// SPDX-License-Identifier: Apache-2.0
#include "image/read.h"

#include <gtest/gtest.h>

#include <string>

#include "image/write.h"

namespace minnow {
namespace {

std::span<const std::byte> BytesOfFile(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Error ErrorOf(const std::string& file, const ImageLimits& limits = {}) {
  const auto image = ReadImage(BytesOfFile(file), AlphaChannel::kDrop, limits);
  const auto info = ReadImageInfo(BytesOfFile(file), AlphaChannel::kDrop, limits);
  EXPECT_FALSE(image.ok());
  return image.ok() ? Error{} : info.ok() ? image.error() : info.error();
}

TEST(ReadImage, OtherFormatsAreNamedAsSuch) {
  for (const std::string file :
       {"", "G", "GIF89a", "RIFF", "RIFF\4\0\0\0WAVE", "\xff\xd8", "\x89PNG\r\n", "<svg/>"}) {
    EXPECT_EQ(ErrorOf(file).message, "image: neither PNG, JPEG nor WebP");
    EXPECT_EQ(ErrorOf(file).code, Code::kUnsupported);
  }
}

TEST(ReadImage, HeadersAloneAreCorrupt) {
  for (const std::string& file :
       {std::string("\x89PNG\r\n\x1a\n"), std::string("\xff\xd8\xff"),
        std::string("\xff\xd8\xff\xd9"), std::string("RIFF\4\0\0\0WEBP", 12),
        std::string("RIFF\x16\0\0\0WEBPVP8X\x02\0\0\0", 20)}) {
    EXPECT_EQ(ErrorOf(file).code, Code::kCorrupt) << file.size();
  }
}

TEST(ReadImage, LimitsAreHeldAndNamed) {
  const std::string file = WritePng(NewImage(20, 10, 3), "").value();
  EXPECT_EQ(ErrorOf(file, {.max_bytes = 10}).message,
            "image: " + std::to_string(file.size()) + " bytes, limit 10");
  EXPECT_EQ(ErrorOf(file, {.max_pixels = 199}).message, "image: 20 x 10 pixels, limit 199 in all");
  EXPECT_EQ(ErrorOf(file, {.max_pixels = 199}).code, Code::kInvalidArgument);
  EXPECT_TRUE(ReadImage(BytesOfFile(file), AlphaChannel::kDrop, {.max_pixels = 200}).ok());
}

TEST(ReadImage, EveryCutOfASmallFileIsAnErrorOrThePicture) {
  Image image = NewImage(5, 3, 4);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 4);
  for (const std::string& file :
       {WritePng(image, "text").value(), WriteJpeg(image, 90, "text").value(),
        WriteWebp(image, 90, "text").value()}) {
    const auto whole = ReadImage(BytesOfFile(file), AlphaChannel::kKeep, {});
    ASSERT_TRUE(whole.ok());
    for (size_t length = 0; length < file.size(); ++length) {
      const auto part = ReadImage(BytesOfFile(file.substr(0, length)), AlphaChannel::kKeep, {});
      if (part.ok()) {
        EXPECT_EQ(part->pixels, whole->pixels) << length;
      }
      (void)ReadParameters(BytesOfFile(file.substr(0, length)));
    }
  }
}

}  // namespace
}  // namespace minnow
