// SPDX-License-Identifier: Apache-2.0
#include "image/exif.h"

#include <gtest/gtest.h>

#include <string>

namespace minnow {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// A block with one entry: the orientation, as a short.
std::string Block(bool big_endian, int orientation) {
  const char value = static_cast<char>(orientation);
  return big_endian ? std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + value +
                          std::string("\0\0\0\0\0\0", 6)
                    : std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + value +
                          std::string("\0\0\0\0\0\0\0", 7);
}

TEST(Exif, OrientationInBothByteOrders) {
  for (const bool big_endian : {false, true}) {
    for (int orientation = 0; orientation < 12; ++orientation) {
      const int expected = orientation >= 1 && orientation <= 8 ? orientation : 1;
      EXPECT_EQ(ExifOrientation(AsBytes(Block(big_endian, orientation))), expected);
    }
  }
}

TEST(Exif, BlocksThatMakeNoSense) {
  const std::string sound = Block(true, 6);
  for (size_t length = 0; length < 20; ++length) {
    EXPECT_EQ(ExifOrientation(AsBytes(sound.substr(0, length))), 1);
  }
  for (const size_t at : {0, 1, 3, 4, 7, 10, 11, 13, 14, 17}) {
    std::string damaged = sound;
    damaged[at] = '\x7f';
    EXPECT_EQ(ExifOrientation(AsBytes(damaged)), 1) << at;
  }
}

TEST(Exif, CommentsInEveryEncoding) {
  const std::string made = MakeExif("a \u5c0f \U0001f41f");
  EXPECT_EQ(ExifUserComment(AsBytes(made)), "a \u5c0f \U0001f41f");
  EXPECT_EQ(ExifOrientation(AsBytes(made)), 1);
  const size_t text_at = made.find("UNICODE");
  std::string little = made;  // the other order of UTF-16, which some writers have in this block
  for (size_t i = text_at + 8; i + 1 < little.size(); i += 2) std::swap(little[i], little[i + 1]);
  EXPECT_EQ(ExifUserComment(AsBytes(little)), "a \u5c0f \U0001f41f");
  std::string ascii = made;
  ascii.replace(text_at, std::string::npos,
                std::string("ASCII\0\0\0fish\0\0 the second", made.size() - text_at));
  EXPECT_EQ(ExifUserComment(AsBytes(ascii)).substr(0, 4), "fish");
  EXPECT_EQ(ExifUserComment(AsBytes(made.substr(0, made.size() - 1))), "");
  EXPECT_EQ(ExifUserComment(AsBytes(Block(true, 6))), "");
}

TEST(Exif, HalvesOfPairsBecomeTheReplacement) {
  std::string made = MakeExif("\U0001f41fx");
  const size_t at = made.find("UNICODE") + 8;
  made[at + 2] = '\0';  // the second half
  EXPECT_EQ(ExifUserComment(AsBytes(made)).substr(0, 3), "\uFFFD");
}

}  // namespace
}  // namespace minnow
