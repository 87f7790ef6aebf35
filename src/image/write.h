// SPDX-License-Identifier: Apache-2.0
// Pixels to files: PNG, JPEG and WebP, with the text of generation parameters (image/parameters.h)
// beside them. Pure functions; thread-safe. The same image gives the same bytes.
//
// Errors: kInvalidArgument (a side or a text that the format cannot hold), kInternal (no memory).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "image/image.h"

namespace minnow {

// Keeps alpha. The text becomes `parameters`: tEXt in Latin-1, else iTXt.
Result<std::string> WritePng(const Image& image, std::string_view parameters);

// Alpha is dropped. The text becomes EXIF's UserComment, unless it is longer than about 32,000
// characters. quality: 1 to 100.
Result<std::string> WriteJpeg(const Image& image, int quality, std::string_view parameters);

// Lossy; keeps alpha. The text becomes EXIF's UserComment. quality: 0 to 100.
Result<std::string> WriteWebp(const Image& image, int quality, std::string_view parameters);

// Well-formed UTF-8 without bytes of zero, which no format holds.
std::string CleanText(std::string_view text);

}  // namespace minnow
