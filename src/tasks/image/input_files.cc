// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/input_files.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "image/read.h"
#include "image/resize.h"
#include "image/transform.h"

namespace minnow {
namespace {

constexpr uint8_t kHalfClear = 128;                   // below, a pixel counts as transparent
constexpr std::string_view kReaderField = "image: ";  // what the readers' messages begin with

ImageLimits LimitsOf(const ImageJobRequest& request) {
  return {.max_bytes = std::max(request.image_file.size(), request.mask_file.size()),
          .max_pixels = request.limits.max_pixels};
}

// Whether a file's transparency says what is painted anew.
AlphaChannel AlphaOfImage(const ImageJobRequest& request) {
  return request.mask_is_transparency && request.mask_file.empty() ? AlphaChannel::kKeep
                                                                   : AlphaChannel::kDrop;
}
AlphaChannel AlphaOfMask(const ImageJobRequest& request) {
  return request.mask_is_transparency || request.adjust ? AlphaChannel::kKeep : AlphaChannel::kDrop;
}

Result<Image> Read(const std::string& file, AlphaChannel alpha, const ImageLimits& limits,
                   const std::string& field) {
  auto image = ReadImage(std::as_bytes(std::span(file)), alpha, limits);
  if (image.ok()) return image;
  Error error = std::move(image).error();
  if (error.message.starts_with(kReaderField)) error.message.erase(0, kReaderField.size());
  return Annotate(std::move(error), field);
}

// White where the image is transparent; nullopt where it is nowhere.
std::optional<Image> MaskOf(const Image& image) {
  Image mask = AlphaOf(image);
  bool any = false;
  for (uint8_t& value : mask.pixels) {
    const bool clear = value < kHalfClear;
    any |= clear;
    value = clear ? 255 : 0;
  }
  if (!any) return std::nullopt;
  return mask;
}

}  // namespace

size_t InputFileBytes(const ImageJobRequest& request) {
  const InputSizes sizes = InputSizesOf(request);
  const auto side = [](int64_t asked, uint32_t otherwise) {
    return asked > 0 ? static_cast<uint32_t>(std::min<int64_t>(asked, UINT32_MAX)) : otherwise;
  };
  const uint32_t width = side(request.request.width, sizes.image.width);
  const uint32_t height = side(request.request.height, sizes.image.height);
  const auto of = [&](const std::string& file, AlphaChannel alpha) {
    const auto info = ReadImageInfo(std::as_bytes(std::span(file)), alpha, LimitsOf(request));
    if (!info.ok()) return size_t{0};
    const size_t pixels = size_t{info->width} * info->height;
    // With alpha: both it and the colours, taken apart.
    size_t bytes = pixels * (alpha == AlphaChannel::kKeep ? 4 + 4 : 3);
    // Larger sizes are refused by their own words.
    if (!request.adjust && uint64_t{width} * height <= request.limits.max_pixels) {
      bytes += ResizeBytes(info->width, info->height, 3, width, height, ResizeFilter::kLanczos);
    }
    return std::max(info->decode_bytes, bytes);
  };
  return of(request.image_file, AlphaOfImage(request)) +
         of(request.mask_file, AlphaOfMask(request));
}

InputSizes InputSizesOf(const ImageJobRequest& request) {
  const auto of = [&](const std::string& file) -> ImageSize {
    const auto info =
        ReadImageInfo(std::as_bytes(std::span(file)), AlphaChannel::kDrop, LimitsOf(request));
    if (!info.ok()) return {};
    return {info->width, info->height};
  };
  return {of(request.image_file), of(request.mask_file)};
}

Status ReadInputFiles(ImageJobRequest& request) {
  const ImageLimits limits = LimitsOf(request);
  const AlphaChannel of_image = AlphaOfImage(request);
  if (!request.image_file.empty()) {
    MINNOW_ASSIGN_OR_RETURN(request.request.image,
                            Read(request.image_file, of_image, limits, "image"));
  }
  if (!request.mask_file.empty()) {
    MINNOW_ASSIGN_OR_RETURN(request.request.mask,
                            Read(request.mask_file, AlphaOfMask(request), limits, "mask"));
  }
  if (request.mask_is_transparency && request.request.mask) {
    request.request.mask = MaskOf(*request.request.mask);
    if (!request.request.mask) {
      return Error{Code::kInvalidArgument,
                   "mask: no pixel of it is transparent, so nothing would be painted anew"};
    }
  } else if (request.request.image && of_image == AlphaChannel::kKeep) {
    request.request.mask = MaskOf(*request.request.image);
    request.request.image = ToRgb(*request.request.image);
  }
  request.image_file = std::string();
  request.mask_file = std::string();
  return request.adjust ? request.adjust(request.request) : Status();
}

}  // namespace minnow
