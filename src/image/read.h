// SPDX-License-Identifier: Apache-2.0
// Files to pixels: PNG, JPEG and WebP, with the pixels that Pillow gives (docs/images.md names
// where it differs). Every byte is hostile: size and memory are known from the header, and held to
// the limits, before anything is decoded. Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "image/image.h"

namespace minnow {

enum class ImageFormat { kPng, kJpeg, kWebp };

struct ImageLimits {
  size_t max_bytes = size_t{50} << 20;  // of the file
  uint64_t max_pixels = uint64_t{16} << 20;
};

struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  uint32_t width = 0;  // upright, as ReadImage gives it
  uint32_t height = 0;
  int orientation = 1;      // EXIF's, 1 to 8: how the file's pixels lie
  bool has_alpha = false;   // by the header, or by a colour that stands for transparent
  size_t decode_bytes = 0;  // what ReadImage takes at its highest, its result included
};

enum class AlphaChannel {
  kDrop,  // RGB; alpha is dropped, not blended
  kKeep,  // RGBA; 255 where the file has none
};

// What the header says. Errors: kUnsupported (another format, or a part of one that is not read),
// kCorrupt, kInvalidArgument (a limit).
Result<ImageInfo> ReadImageInfo(std::span<const std::byte> file, AlphaChannel alpha,
                                const ImageLimits& limits);

// The pixels, upright by EXIF's orientation. Of an animation the first frame. Errors besides: a
// file that is cut off or damaged (kCorrupt), no memory (kInternal).
Result<Image> ReadImage(std::span<const std::byte> file, AlphaChannel alpha,
                        const ImageLimits& limits);

// The text of generation parameters (image/parameters.h) that a file carries: PNG's `parameters`,
// EXIF's UserComment in JPEG and WebP. Empty where there is none, or none that can be read.
std::string ReadParameters(std::span<const std::byte> file);

}  // namespace minnow
