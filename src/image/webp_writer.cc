// SPDX-License-Identifier: Apache-2.0
// Pixels to WebP, by libwebp. A file with EXIF is the extended form of one without: three chunks
// more, which are put around libwebp's here.
#include <webp/encode.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "image/exif.h"
#include "image/riff.h"
#include "image/write.h"

namespace minnow {
namespace {

constexpr char kExifFlag = 8;
constexpr char kAlphaFlag = 16;

void AppendLittleEndian(size_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

void AppendChunk(std::string_view type, std::string_view data, std::string& out) {
  out += type;
  AppendLittleEndian(data.size(), 4, out);
  out += data;
  if (data.size() % 2 != 0) out.push_back('\0');
}

// `file` is as libwebp wrote it: one picture, and a VP8X chunk before it where it has alpha.
std::string WithExif(std::string_view file, const Image& image, std::string_view exif) {
  std::string_view chunks = file.substr(kRiffHeaderBytes);
  char flags = kExifFlag;
  if (chunks.starts_with("VP8X")) {
    flags |= chunks[8];
    chunks.remove_prefix(18);
  } else if (image.channels == 4 && chunks.starts_with("VP8L")) {
    flags |= kAlphaFlag;
  }
  std::string extended{flags, 0, 0, 0};
  AppendLittleEndian(image.width - 1, 3, extended);
  AppendLittleEndian(image.height - 1, 3, extended);
  std::string body = "WEBP";
  AppendChunk("VP8X", extended, body);
  body += chunks;
  AppendChunk("EXIF", exif, body);
  std::string out = "RIFF";
  AppendLittleEndian(body.size(), 4, out);
  return out + body;
}

bool Import(const Image& image, WebPPicture& picture) {
  const int stride = static_cast<int>(image.row_bytes());
  if (image.channels == 3) return WebPPictureImportRGB(&picture, image.pixels.data(), stride) != 0;
  if (image.channels == 4) return WebPPictureImportRGBA(&picture, image.pixels.data(), stride) != 0;
  Image colors = NewImage(image.width, image.height, 3);
  for (size_t i = 0; i < colors.pixels.size(); ++i) colors.pixels[i] = image.pixels[i / 3];
  return Import(colors, picture);
}

Result<std::string> Encode(const Image& image, int quality) {
  WebPConfig config;
  WebPPicture picture;
  CHECK(WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, static_cast<float>(quality)) != 0 &&
        WebPPictureInit(&picture) != 0);
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  const std::unique_ptr<WebPMemoryWriter, void (*)(WebPMemoryWriter*)> frees_bytes(
      &writer, WebPMemoryWriterClear);
  const std::unique_ptr<WebPPicture, void (*)(WebPPicture*)> frees_picture(&picture,
                                                                           WebPPictureFree);
  picture.width = static_cast<int>(image.width);
  picture.height = static_cast<int>(image.height);
  picture.use_argb = 0;
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  if (!Import(image, picture) || WebPEncode(&config, &picture) == 0) {
    return Error{Code::kInternal,
                 "image: WebP: error " + std::to_string(static_cast<int>(picture.error_code))};
  }
  return std::string(reinterpret_cast<const char*>(writer.mem), writer.size);
}

}  // namespace

Result<std::string> WriteWebp(const Image& image, int quality, std::string_view parameters) {
  CHECK(image.channels == 1 || image.channels == 3 || image.channels == 4);
  CHECK(quality >= 0 && quality <= 100);
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    return Error{Code::kInvalidArgument,
                 "image: WebP: a side over " + std::to_string(WEBP_MAX_DIMENSION)};
  }
  MINNOW_ASSIGN_OR_RETURN(std::string file, Encode(image, quality));
  const std::string text = CleanText(parameters);
  if (text.empty()) return file;
  return WithExif(file, image, MakeExif(text));
}

}  // namespace minnow
