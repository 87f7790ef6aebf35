// SPDX-License-Identifier: Apache-2.0
#include "api/images/picture_body.h"

#include <utility>

#include "base/base64.h"
#include "formats/json.h"
#include "image/write.h"
#include "tasks/image/describe.h"

namespace minnow::api {
namespace {

constexpr int kJpegQuality = 95;
constexpr int kWebpQuality = 90;
constexpr std::pair<std::string_view, ImageFormat> kFormats[] = {
    {"png", ImageFormat::kPng}, {"jpeg", ImageFormat::kJpeg}, {"webp", ImageFormat::kWebp}};

Result<std::string> Encode(const Image& image, const PictureFormat& format, std::string_view text) {
  const auto quality = [&](int usual) { return format.quality > 0 ? format.quality : usual; };
  switch (format.format) {
    case ImageFormat::kJpeg:
      return WriteJpeg(image, quality(kJpegQuality), text);
    case ImageFormat::kWebp:
      return WriteWebp(image, quality(kWebpQuality), text);
    case ImageFormat::kPng:
      break;
  }
  return WritePng(image, text);
}

Result<std::string> ToBase64(Result<std::string> file) {
  if (!file.ok()) return file;
  std::string text;
  AppendBase64(*file, text);
  return text;
}

}  // namespace

Result<ImageFormat> ParseImageFormat(std::string_view name, std::string_view field) {
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  return Error{Code::kInvalidArgument,
               std::string(field) + ": expected png, jpeg or webp, got " + QuoteForMessage(name)};
}

const char* FormatName(ImageFormat format) {
  for (const auto& [name, known] : kFormats) {
    if (known == format) return name.data();
  }
  return "";
}

std::string MediaType(ImageFormat format) { return std::string("image/") + FormatName(format); }

Result<std::string> EncodePicture(const ImageAnswer& answer, size_t i, const std::string& model,
                                  const PictureFormat& format) {
  const GenerationText text =
      DescribePicture(answer.settings, i, model, std::string("minnow ") + MINNOW_VERSION);
  return Encode(answer.images[i], format, WriteGenerationText(text));
}

Result<std::string> EncodePicture(const Image& image, const PictureFormat& format) {
  return Encode(image, format, {});
}

Result<std::string> EncodePictureBase64(const ImageAnswer& answer, size_t i,
                                        const std::string& model, const PictureFormat& format) {
  return ToBase64(EncodePicture(answer, i, model, format));
}

Result<std::string> EncodeBase64(const Image& image, const PictureFormat& format) {
  return ToBase64(Encode(image, format, {}));
}

}  // namespace minnow::api
