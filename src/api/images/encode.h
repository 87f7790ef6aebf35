// SPDX-License-Identifier: Apache-2.0
// Pictures to the files that answers hold. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "image/image.h"
#include "image/read.h"

namespace minnow::api {

// quality: 1 to 100, of JPEG and WebP. Fails as the writers of image/write.h do.
Result<std::string> EncodePicture(const Image& image, ImageFormat format, int quality,
                                  std::string_view parameters);
// "png", "jpeg", "webp".
std::string_view FormatName(ImageFormat format);
std::string Base64(std::string_view bytes);
// "minnow 1.2.3", in pictures' parameters.
std::string ProgramVersion();

}  // namespace minnow::api
