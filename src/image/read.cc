// SPDX-License-Identifier: Apache-2.0
#include "image/read.h"

#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "image/decoders.h"
#include "image/exif.h"
#include "image/transform.h"

namespace minnow {
namespace {

struct Decoder {
  ImageFormat format;
  Result<ImageInfo> (*info)(ImageBytes, AlphaChannel);
  Result<Image> (*read)(ImageBytes, AlphaChannel);
  ImageBytes (*exif)(ImageBytes);
};

constexpr Decoder kDecoders[] = {
    {ImageFormat::kPng, ReadPngInfo, ReadPng, FindPngExif},
    {ImageFormat::kJpeg, ReadJpegInfo, ReadJpeg, FindJpegExif},
    {ImageFormat::kWebp, ReadWebpInfo, ReadWebp, FindWebpExif},
};

const Decoder* FindDecoder(ImageBytes file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return &kDecoders[0];
  if (text.starts_with("\xff\xd8\xff")) return &kDecoders[1];
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") {
    return &kDecoders[2];
  }
  return nullptr;
}

Error TooLarge(const ImageInfo& info, const ImageLimits& limits) {
  return {Code::kInvalidArgument, "image: " + std::to_string(info.width) + " x " +
                                      std::to_string(info.height) + " pixels, limit " +
                                      std::to_string(limits.max_pixels) + " in all"};
}

Result<ImageInfo> CheckedInfo(const Decoder* decoder, ImageBytes file, AlphaChannel alpha,
                              const ImageLimits& limits) {
  if (file.size() > limits.max_bytes) {
    return Error{Code::kInvalidArgument, "image: " + std::to_string(file.size()) +
                                             " bytes, limit " + std::to_string(limits.max_bytes)};
  }
  if (decoder == nullptr) {
    return Error{Code::kUnsupported, "image: neither PNG, JPEG nor WebP"};
  }
  MINNOW_ASSIGN_OR_RETURN(ImageInfo info, decoder->info(file, alpha));
  info.format = decoder->format;
  if (uint64_t{info.width} * info.height > limits.max_pixels) return TooLarge(info, limits);
  info.orientation = ExifOrientation(decoder->exif(file));
  if (info.orientation != kUpright) {
    const size_t channels = alpha == AlphaChannel::kKeep ? 4 : 3;
    info.decode_bytes += size_t{info.width} * info.height * channels;
  }
  return info;
}

}  // namespace

Result<ImageInfo> ReadImageInfo(std::span<const std::byte> file, AlphaChannel alpha,
                                const ImageLimits& limits) {
  MINNOW_ASSIGN_OR_RETURN(ImageInfo info, CheckedInfo(FindDecoder(file), file, alpha, limits));
  if (SwapsSides(info.orientation)) std::swap(info.width, info.height);
  return info;
}

Result<Image> ReadImage(std::span<const std::byte> file, AlphaChannel alpha,
                        const ImageLimits& limits) {
  const Decoder* decoder = FindDecoder(file);
  MINNOW_ASSIGN_OR_RETURN(const ImageInfo info, CheckedInfo(decoder, file, alpha, limits));
  try {
    MINNOW_ASSIGN_OR_RETURN(Image image, decoder->read(file, alpha));
    return MakeUpright(std::move(image), info.orientation);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal,
                 "image: no memory for " + std::to_string(info.decode_bytes) + " bytes"};
  }
}

std::string ReadParameters(std::span<const std::byte> file) {
  const Decoder* decoder = FindDecoder(file);
  if (decoder == nullptr) return "";
  if (decoder->format == ImageFormat::kPng) {
    std::string text = ReadPngParameters(file);
    if (!text.empty()) return text;
  }
  return ExifUserComment(decoder->exif(file));
}

}  // namespace minnow
