// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/inpaint.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "image/write.h"

namespace minnow {
namespace {

Image Plain(uint32_t width, uint32_t height, std::vector<uint8_t> colour) {
  Image image = NewImage(width, height, static_cast<uint32_t>(colour.size()));
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = colour[i % colour.size()];
  return image;
}

// White in [left, right) x [top, bottom).
Image Box(uint32_t width, uint32_t height, uint32_t left, uint32_t top, uint32_t right,
          uint32_t bottom) {
  Image mask = NewImage(width, height, 1);
  for (uint32_t y = top; y < bottom; ++y)
    for (uint32_t x = left; x < right; ++x) mask.row(y)[x] = 255;
  return mask;
}

Image Columns(uint32_t width, uint32_t height) {
  Image image = NewImage(width, height, 3);
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) image.row(y)[3 * x] = static_cast<uint8_t>(x);
  return image;
}

ImageRequest RequestOf(Image image, std::optional<Image> mask, int64_t width, int64_t height) {
  ImageRequest request;
  request.image = std::move(image);
  request.mask = std::move(mask);
  request.width = width;
  request.height = height;
  return request;
}

const std::vector<uint8_t> kRed = {200, 10, 10};

TEST(FitImage, CropsTheMiddle) {
  const Image fit = FitImage(Columns(100, 10), 10, 10, FitMode::kCrop);
  EXPECT_EQ(fit.width, 10u);
  EXPECT_EQ(fit.row(0)[0], 45);
  EXPECT_EQ(fit.row(9)[27], 54);
}

TEST(FitImage, PadsWithItsEdges) {
  const Image fit = FitImage(Columns(20, 20), 40, 20, FitMode::kPad);
  EXPECT_EQ(fit.width, 40u);
  EXPECT_EQ(fit.row(3)[0], 0);
  EXPECT_EQ(fit.row(3)[3 * 10], 0);
  EXPECT_EQ(fit.row(3)[3 * 20], 10);
  EXPECT_EQ(fit.row(3)[3 * 39], 19);
}

TEST(FitImage, ThinImagesKeepAPixel) {
  for (const FitMode mode : {FitMode::kStretch, FitMode::kCrop, FitMode::kPad}) {
    const Image fit = FitImage(Plain(1000, 1, kRed), 8, 8, mode);
    EXPECT_EQ(fit.pixels, Plain(8, 8, kRed).pixels);
  }
}

// Enlarged whole, it would take 15 GB, and one that is wider still more than there is.
TEST(FitImage, WhatIsCroppedIsNotMadeFirst) {
  for (const uint32_t side : {20'000u, 9'000'000u}) {
    const Image wide = FitImage(Plain(side, 1, kRed), 512, 512, FitMode::kCrop);
    EXPECT_EQ(wide.pixels, Plain(512, 512, kRed).pixels);
    const Image high = FitImage(Plain(1, side, kRed), 512, 512, FitMode::kCrop);
    EXPECT_EQ(high.pixels, Plain(512, 512, kRed).pixels);
  }
  const Image middle = FitImage(Columns(200, 2), 100, 100, FitMode::kCrop);
  EXPECT_EQ(middle.row(50)[3 * 50], 100);
}

TEST(Inpainting, WithoutAMaskOnlyTheSizeChanges) {
  Inpainting inpainting({.fit = FitMode::kCrop});
  auto request = RequestOf(Columns(100, 10), std::nullopt, 10, 10);
  ASSERT_TRUE(inpainting.Begin(request).ok());
  EXPECT_EQ(request.image->row(0)[0], 45);
  const Image picture = Plain(10, 10, {1, 2, 3});
  EXPECT_EQ(inpainting.Finish(picture).pixels, picture.pixels);
}

TEST(Inpainting, OutsideOfTheMaskTheImageStays) {
  for (const bool invert : {false, true}) {
    Inpainting inpainting({.invert_mask = invert, .blur_x = 0, .blur_y = 0, .fill = false});
    auto request = RequestOf(Plain(16, 16, kRed), Box(16, 16, 4, 4, 12, 12), 16, 16);
    ASSERT_TRUE(inpainting.Begin(request).ok());
    EXPECT_EQ(request.image->pixels, Plain(16, 16, kRed).pixels);
    EXPECT_EQ(request.mask->row(8)[8], invert ? 0 : 255);
    const Image out = inpainting.Finish(Plain(16, 16, {0, 0, 250}));
    EXPECT_EQ(out.row(8)[3 * 8 + 2], invert ? 10 : 250);
    EXPECT_EQ(out.row(1)[3 * 1 + 2], invert ? 250 : 10);
  }
}

TEST(Inpainting, ABlurredMaskMixesAtItsEdge) {
  Inpainting inpainting({.blur_x = 2, .blur_y = 2, .fill = false});
  auto request = RequestOf(Plain(32, 32, {0, 0, 0}), Box(32, 32, 8, 0, 32, 32), 32, 32);
  ASSERT_TRUE(inpainting.Begin(request).ok());
  const Image out = inpainting.Finish(Plain(32, 32, {200, 200, 200}));
  EXPECT_EQ(out.row(16)[0], 0);
  EXPECT_GT(out.row(16)[3 * 5], 0);
  EXPECT_LT(out.row(16)[3 * 5], 200);
  EXPECT_EQ(out.row(16)[3 * 20], 200);
}

TEST(Inpainting, WhatIsMaskedTakesTheColoursAround) {
  Image image = Plain(32, 32, kRed);
  for (uint32_t y = 12; y < 20; ++y)
    for (uint32_t x = 12; x < 20; ++x) image.row(y)[3 * x + 2] = 255;
  Inpainting inpainting({.blur_x = 0, .blur_y = 0, .fill = true});
  auto request = RequestOf(image, Box(32, 32, 12, 12, 20, 20), 32, 32);
  ASSERT_TRUE(inpainting.Begin(request).ok());
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(request.image->row(16)[3 * 16 + c], kRed[c], 8) << c;
  EXPECT_EQ(request.image->row(0)[0], kRed[0]);
}

TEST(Inpainting, OnlyThePartAroundTheMaskIsPainted) {
  Inpainting inpainting(
      {.blur_x = 0, .blur_y = 0, .fill = false, .only_masked = true, .padding = 2});
  auto request = RequestOf(Columns(100, 50), Box(100, 50, 60, 20, 70, 26), 64, 64);
  ASSERT_TRUE(inpainting.Begin(request).ok());
  EXPECT_EQ(request.image->width, 64u);
  EXPECT_EQ(request.image->row(32)[0], 58);  // 14 columns in 64
  EXPECT_EQ(request.image->row(32)[3 * 63], 71);
  const Image out = inpainting.Finish(Plain(64, 64, {0, 250, 0}));
  EXPECT_EQ(out.width, 100u);
  EXPECT_EQ(out.height, 50u);
  EXPECT_EQ(out.row(22)[3 * 65 + 1], 250);
  EXPECT_EQ(out.row(22)[3 * 59 + 1], 0);
  EXPECT_EQ(out.row(22)[3 * 59], 59);
}

TEST(Inpainting, PartsStayWithinTheImage) {
  Inpainting inpainting({.blur_x = 0, .blur_y = 0, .only_masked = true, .padding = 300});
  auto request = RequestOf(Columns(30, 20), Box(30, 20, 28, 0, 30, 1), 64, 8);
  ASSERT_TRUE(inpainting.Begin(request).ok());
  const Image out = inpainting.Finish(Plain(64, 8, {9, 9, 9}));
  EXPECT_EQ(out.width, 30u);
  EXPECT_EQ(out.row(0)[3 * 29 + 1], 9);
}

TEST(Inpainting, ABlackMaskHasNothingToPaint) {
  Inpainting inpainting({.only_masked = true});
  auto request = RequestOf(Columns(8, 8), Box(8, 8, 0, 0, 0, 0), 8, 8);
  const Status status = inpainting.Begin(request);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "mask: nothing of it is to be painted");
}

TEST(Inpainting, AMaskMayBeTransparency) {
  Image mask = Plain(8, 8, {0, 0, 0, 0});
  for (uint32_t x = 0; x < 8; ++x) mask.row(0)[4 * x + 3] = 255;
  Inpainting inpainting({.blur_x = 0, .blur_y = 0, .fill = false});
  auto request = RequestOf(Columns(8, 8), mask, 8, 8);
  ASSERT_TRUE(inpainting.Begin(request).ok());
  EXPECT_EQ(request.mask->row(0)[0], 255);
  EXPECT_EQ(request.mask->row(1)[0], 0);
}

ImageJobRequest JobOf(Image image, std::optional<Image> mask) {
  ImageJobRequest job;
  job.request.width = job.request.height = 40;
  job.image_file = WritePng(image, "").value();
  if (mask) job.mask_file = WritePng(*mask, "").value();
  return job;
}

TEST(InpaintMemory, KeepsTheImageOnlyWhereItIsPaintedIn) {
  const Image image = Plain(100, 60, kRed);
  EXPECT_EQ(InpaintMemory(JobOf(image, std::nullopt), {}).kept, 0u);
  const ImageJobRequest masked = JobOf(image, Box(100, 60, 20, 20, 30, 30));
  const CallerMemory in_its_size = InpaintMemory(masked, {});
  EXPECT_EQ(in_its_size.kept, size_t{40} * 40 * 4);
  const CallerMemory whole = InpaintMemory(masked, {.only_masked = true});
  EXPECT_EQ(whole.kept, size_t{100} * 60 * 4);
  EXPECT_GT(whole.adjusting, whole.kept);
  EXPECT_GE(whole.finishing, AnswerBytes(100 * 60));
}

TEST(InpaintMemory, ThinImagesAreCountedAsTheyAreFitted) {
  const ImageJobRequest thin = JobOf(Plain(1, 60'000, kRed), std::nullopt);
  EXPECT_GT(InpaintMemory(thin, {.fit = FitMode::kStretch}).adjusting, size_t{60'000} * 40 * 3);
  EXPECT_LT(InpaintMemory(thin, {.fit = FitMode::kCrop}).adjusting, size_t{60'000} * 40);
}

}  // namespace
}  // namespace minnow
