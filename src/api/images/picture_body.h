// SPDX-License-Identifier: Apache-2.0
// Pictures as they stand in bodies: files in a format that the request chose, with what they were
// made of inside. Takes long: never on the I/O thread, nor on one of the engine's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/read.h"
#include "tasks/image/job.h"

namespace minnow::api {

struct PictureFormat {
  ImageFormat format = ImageFormat::kPng;
  int quality = 0;  // of JPEG and WebP, 1 to 100; 0: what is good enough
};

// "png", "jpeg", "webp"; messages name `field`.
Result<ImageFormat> ParseImageFormat(std::string_view name, std::string_view field);
const char* FormatName(ImageFormat format);
// "image/png", ...
std::string MediaType(ImageFormat format);

// The i-th picture of an answer.
Result<std::string> EncodePicture(const ImageAnswer& answer, size_t i, const std::string& model,
                                  const PictureFormat& format);
// A picture without a description.
Result<std::string> EncodePicture(const Image& image, const PictureFormat& format);
// The same in base64.
Result<std::string> EncodePictureBase64(const ImageAnswer& answer, size_t i,
                                        const std::string& model, const PictureFormat& format);
// A picture without a description.
Result<std::string> EncodeBase64(const Image& image, const PictureFormat& format);

}  // namespace minnow::api
