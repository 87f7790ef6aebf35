// SPDX-License-Identifier: Apache-2.0
// Pictures in files, by the ending of their names.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "image/image.h"

namespace minnow {

// PNG, JPEG or WebP, whatever the name says; upright, without alpha. Errors name the path.
Result<Image> ReadPictureFile(const std::string& path);

// Whether a picture can be written there: the name ends in .png, .jpg, .jpeg or .webp, and what it
// would replace is a picture of that kind.
Status CheckPictureFile(const std::string& path);
// The i-th of several: "out.png", "out-2.png", ...
std::string PictureFileName(const std::string& path, size_t i);
// Writes it as a whole or not at all. text: generation parameters.
Status WritePictureFile(const std::string& path, const Image& image, const std::string& text);

}  // namespace minnow
