// SPDX-License-Identifier: Apache-2.0
// Picture files against what Pillow makes of them (tools/make_image_golden.py), pixel by pixel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "formats/json.h"
#include "image/read.h"
#include "image/transform.h"
#include "tests/golden/image_files.h"

namespace minnow {
namespace {

// Where this program is not Pillow, and why.
enum class Difference {
  kNone,
  kRefused,      // the checksum of the pixels' data is wrong; Pillow does not look at it
  kTaken,        // damage outside of the pixels: in a chunk that is not looked at, or in a marker
  kOtherPixels,  // damaged data that versions of libjpeg-turbo make something else of
  kOtherAlpha,   // a transparent grey of 2, 4 or 16 bits: as PNG has it, where Pillow misses it
};

Difference DifferenceOf(const std::string& name, const std::string& mode) {
  static const std::set<std::string, std::less<>> kRefused = {"badcrc.png", "x_interlaced_chck.png",
                                                              "xcsn0g01.png", "huge_IDAT.png"};
  static const std::set<std::string, std::less<>> kTaken = {"empty_ancillary_chunks.png",
                                                            "8a9cc8eeed66aeb423a91c44111d9450.jpg",
                                                            "a7326ba8f3f4559991126474dd30083d.jpg"};
  static const std::set<std::string, std::less<>> kOtherPixels = {
      "8e5e74dbf9b68a322fbb9512db837329.jpg", "f6b4389c3cf0f5997b2e5a4b905aea8d.jpg",
#ifdef __aarch64__  // coefficients out of range overflow otherwise in libjpeg-turbo's NEON code
      "subtract-with-overflow.jpg",           "dc-predictor-overflow.jpg",
      "5482a54657765056f1a94116a8dbffe7.jpg",
#endif
  };
  const std::string file = name.substr(name.rfind('/') + 1);
  if (kRefused.contains(file)) return Difference::kRefused;
  if (kTaken.contains(file)) return Difference::kTaken;
  if (kOtherPixels.contains(file)) return Difference::kOtherPixels;
  const bool narrow = file.find("0g04") != std::string::npos ||
                      file.find("gray-2-") != std::string::npos ||
                      file.find("gray-4-") != std::string::npos;
  const bool transparent =
      file.find("tRNS") != std::string::npos || file.find("tb") != std::string::npos;
  return mode == "I;16" || (narrow && transparent) ? Difference::kOtherAlpha : Difference::kNone;
}

JsonDocument Golden(const std::string& name) {
  return JsonDocument::ReadFile(ImageGolden(name).string()).value();
}

// `expected`: an entry of decoded.json.
void Compare(const std::string& name, const std::string& file, const JsonView& expected) {
  const auto rgb = ReadImage(AsBytes(file), AlphaChannel::kDrop, {});
  const bool refused = expected.Find("error").has_value();
  const std::string mode = refused ? "" : std::string(*expected.GetString("mode"));
  const Difference difference = DifferenceOf(name, mode);
  if (refused || difference == Difference::kRefused) {
    EXPECT_EQ(rgb.ok(), difference == Difference::kTaken);
    if (!rgb.ok()) {
      EXPECT_THAT(rgb.error().message, ::testing::StartsWith("image: "));
    }
    return;
  }
  ASSERT_TRUE(rgb.ok()) << rgb.error().message;
  const auto info = ReadImageInfo(AsBytes(file), AlphaChannel::kDrop, {});
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->width, expected.Find("size")->at(0).Int(1, 1 << 20).value());
  EXPECT_EQ(info->height, expected.Find("size")->at(1).Int(1, 1 << 20).value());
  EXPECT_EQ(rgb->width, info->width);
  EXPECT_EQ(rgb->height, info->height);
  EXPECT_GE(info->decode_bytes, rgb->pixels.size());
  const bool same_pixels = difference != Difference::kOtherPixels;
  EXPECT_EQ(HashOf(*rgb) == *expected.GetString("rgb"), same_pixels);
  EXPECT_EQ(HashOf(ToGrey(*rgb)) == *expected.GetString("grey"), same_pixels);
  const auto rgba = ReadImage(AsBytes(file), AlphaChannel::kKeep, {});
  ASSERT_TRUE(rgba.ok()) << rgba.error().message;
  if (difference != Difference::kNone) return;
  EXPECT_EQ(HashOf(*rgba), *expected.GetString("rgba"));
}

TEST(ImageGolden, FilesHavePillowsPixels) {
  const JsonDocument golden = Golden("decoded.json");
  size_t compared = 0;
  for (size_t i = 0; i < golden.root().size(); ++i) {
    const std::string name(golden.root().key(i));
    const auto file = ImageFile(name);
    if (!file) continue;
    SCOPED_TRACE(name);
    Compare(name, *file, golden.root().at(i));
    ++compared;
  }
  EXPECT_GT(compared, 50u);
  if (compared < golden.root().size()) {
    GTEST_SKIP() << compared << " files of " << golden.root().size() << " (MINNOW_DATA)";
  }
}

TEST(ImageGolden, TransparentGreyIsAsPngHasIt) {
  // 4 bits; the colour 0 of 16 stands for transparent.
  const auto file = ImageFile("img_pngsuite/contrib/pngsuite/ftbbn0g04.png");
  if (!file) GTEST_SKIP() << "no test data (MINNOW_DATA)";
  const auto image = ReadImage(AsBytes(*file), AlphaChannel::kKeep, {});
  ASSERT_TRUE(image.ok());
  size_t transparent = 0;
  for (size_t i = 0; i < image->pixels.size(); i += 4) {
    const uint8_t alpha = image->pixels[i + 3];
    EXPECT_TRUE(alpha == 0 || alpha == 255);
    transparent += alpha == 0;
    if (alpha == 0) {
      EXPECT_EQ(image->pixels[i], 255);
    }
  }
  EXPECT_GT(transparent, 0u);
  EXPECT_LT(transparent, image->pixels.size() / 4);
}

TEST(ImageGolden, FilesThatAreCutOffAreRefusedWhereTheyAreByPillow) {
  const JsonDocument golden = Golden("cut.json");
  for (size_t i = 0; i < golden.root().size(); ++i) {
    const std::string name(golden.root().key(i));
    const JsonView cuts = golden.root().at(i);
    const auto file = ImageFile(name);
    if (!file) continue;
    const bool png = name.ends_with(".png");
    for (size_t k = 0; k < cuts.size(); ++k) {
      const std::string part = file->substr(0, std::stoul(std::string(cuts.key(k))));
      SCOPED_TRACE(name + ", " + std::string(cuts.key(k)) + " bytes");
      const auto rgb = ReadImage(AsBytes(part), AlphaChannel::kDrop, {});
      // The checksum of the last pixels, which Pillow does not read, ends 12 bytes before the end.
      if (png && file->size() - part.size() == 13 && cuts.at(k).is_string()) continue;
      // Text behind the pixels is cut off; nobody looks at it here.
      if (name.ends_with("/restarts.png") && rgb.ok()) continue;
      ASSERT_EQ(rgb.ok(), cuts.at(k).is_string());
      if (rgb.ok()) {
        EXPECT_EQ(HashOf(*rgb), *cuts.at(k).String());
      }
    }
  }
}

}  // namespace
}  // namespace minnow
