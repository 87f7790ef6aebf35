// SPDX-License-Identifier: Apache-2.0
// FuzzImage: any bytes as a picture: refused, or of the size that its header told, and then written
// and read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "image/parameters.h"
#include "image/read.h"
#include "image/resize.h"
#include "image/write.h"

namespace minnow {

inline void FuzzImage(const uint8_t* data, size_t size) {
  // Larger pictures only cost the fuzzer's time.
  const ImageLimits limits = {.max_bytes = size_t{1} << 20, .max_pixels = 1 << 18};
  const auto file = std::as_bytes(std::span(data, size));
  const std::string text = ReadParameters(file);
  CHECK(IsValidUtf8(text));
  (void)WriteGenerationText(ParseGenerationText(text));
  const auto info = ReadImageInfo(file, AlphaChannel::kKeep, limits);
  const auto image = ReadImage(file, AlphaChannel::kKeep, limits);
  if (!image.ok()) {
    CHECK(image.error().message.starts_with("image: ") && image.error().message.size() < 200);
    return;
  }
  CHECK(info.ok() && info->width == image->width && info->height == image->height);
  CHECK(image->channels == 4 && image->pixels.size() == image->row_bytes() * image->height);
  CHECK(info->decode_bytes >= image->pixels.size());
  const auto rgb = ReadImage(file, AlphaChannel::kDrop, limits);
  CHECK(rgb.ok() && rgb->pixels.size() == image->pixels.size() / 4 * 3);
  CHECK(Resize(*rgb, 9, 5, ResizeFilter::kLanczos).pixels.size() == 135);
  if (image->pixels.size() > 1 << 14) return;
  const auto png = WritePng(*image, text);
  CHECK(png.ok());
  const auto again = ReadImage(std::as_bytes(std::span(*png)), AlphaChannel::kKeep, limits);
  CHECK(again.ok() && again->pixels == image->pixels);
  CHECK(ReadParameters(std::as_bytes(std::span(*png))) == CleanText(text));
}

}  // namespace minnow
