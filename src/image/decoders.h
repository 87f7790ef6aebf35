// SPDX-License-Identifier: Apache-2.0
// What read.cc dispatches to: a reader for each format, behind the limits. The libraries' own
// errors end here.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "image/read.h"

namespace minnow {

using ImageBytes = std::span<const std::byte>;

// Width and height as the file's pixels lie, before the orientation. The readers check no limits.
Result<ImageInfo> ReadPngInfo(ImageBytes file, AlphaChannel alpha);
Result<ImageInfo> ReadJpegInfo(ImageBytes file, AlphaChannel alpha);
Result<ImageInfo> ReadWebpInfo(ImageBytes file, AlphaChannel alpha);

// REQUIRES: the size in `info`, as the functions above gave it, is within the limits.
Result<Image> ReadPng(ImageBytes file, AlphaChannel alpha);
Result<Image> ReadJpeg(ImageBytes file, AlphaChannel alpha);
Result<Image> ReadWebp(ImageBytes file, AlphaChannel alpha);

// The EXIF block, from its byte order on; empty where there is none.
ImageBytes FindPngExif(ImageBytes file);
ImageBytes FindJpegExif(ImageBytes file);
ImageBytes FindWebpExif(ImageBytes file);

// The first text `parameters` of a PNG file, in UTF-8; empty where there is none.
std::string ReadPngParameters(ImageBytes file);

}  // namespace minnow
