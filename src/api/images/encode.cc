// SPDX-License-Identifier: Apache-2.0
#include "api/images/encode.h"

#include "base/base64.h"
#include "image/write.h"

namespace minnow::api {

Result<std::string> EncodePicture(const Image& image, ImageFormat format, int quality,
                                  std::string_view parameters) {
  switch (format) {
    case ImageFormat::kPng:
      break;
    case ImageFormat::kJpeg:
      return WriteJpeg(image, quality, parameters);
    case ImageFormat::kWebp:
      return WriteWebp(image, quality, parameters);
  }
  return WritePng(image, parameters);
}

std::string_view FormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      break;
    case ImageFormat::kJpeg:
      return "jpeg";
    case ImageFormat::kWebp:
      return "webp";
  }
  return "png";
}

std::string Base64(std::string_view bytes) {
  std::string text;
  AppendBase64(bytes, text);
  return text;
}

std::string ProgramVersion() { return std::string("minnow ") + MINNOW_VERSION; }

}  // namespace minnow::api
