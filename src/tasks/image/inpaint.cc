// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/inpaint.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "image/blur.h"
#include "image/resize.h"
#include "image/transform.h"

namespace minnow {
namespace {

Image ToSize(const Image& image, uint32_t width, uint32_t height) {
  if (image.width == width && image.height == height) return image;
  return Resize(image, width, height, ResizeFilter::kLanczos);
}

// The side that belongs to the other one, never 0.
uint32_t InProportion(uint32_t side, uint32_t other, uint32_t wanted) {
  const uint64_t fitting = uint64_t{side} * wanted / other;
  return static_cast<uint32_t>(std::clamp<uint64_t>(fitting, 1, UINT32_MAX));
}

// The middle of an image, in the proportions of width and height.
ImageSize MiddleOf(ImageSize image, uint32_t width, uint32_t height) {
  return {std::min(image.width, InProportion(width, height, image.height)),
          std::min(image.height, InProportion(height, width, image.width))};
}

Image CutMiddle(const Image& image, uint32_t width, uint32_t height) {
  const ImageSize middle = MiddleOf({image.width, image.height}, width, height);
  Image cut = NewImage(middle.width, middle.height, image.channels);
  const size_t left = (image.width - cut.width) / 2 * size_t{image.channels};
  for (uint32_t y = 0; y < cut.height; ++y) {
    std::memcpy(cut.row(y), image.row(y + size_t{image.height - cut.height} / 2) + left,
                cut.row_bytes());
  }
  return cut;
}

// The size at which an image is cropped or padded to the picture's; 0: it is cut before, as an
// image that is thin would become huge.
ImageSize InnerSize(ImageSize image, uint32_t width, uint32_t height, FitMode mode) {
  // Which side ends at the picture's; the other one is beyond it to be cropped, or within.
  const bool wider = uint64_t{width} * image.height > uint64_t{image.width} * height;
  const bool by_width = wider == (mode == FitMode::kCrop);
  const ImageSize inner = {by_width ? width : InProportion(image.width, image.height, height),
                           by_width ? InProportion(image.height, image.width, width) : height};
  const uint64_t enough = image.pixels() + uint64_t{width} * height;
  if (inner.pixels() > 4 * enough) return {};
  return inner;
}

// With alpha, a transparent part is what is painted anew; else white is.
Image GreyMask(const Image& mask) {
  if (mask.channels == 1) return mask;
  if (mask.channels < 4) return ToGrey(mask);
  Image alpha = AlphaOf(mask);
  const auto [least, most] = std::minmax_element(alpha.pixels.begin(), alpha.pixels.end());
  if (*least == UINT8_MAX && *most == UINT8_MAX) return ToGrey(mask);
  for (uint8_t& value : alpha.pixels) value = value > 128 ? UINT8_MAX : 0;
  return alpha;
}

// Of FillMasked: three images with alpha, one of colours, and sums in fp32.
constexpr size_t kFillBytesOfPixel = 4 + 4 + 4 + 3 + 4 * sizeof(float);

// What is masked takes the colours of what is not, from near and far: blurs of many sizes, one over
// the other, the sharpest on top.
Image FillMasked(const Image& image, const Image& mask) {
  const size_t pixels = size_t{image.width} * image.height;
  Image seen = NewImage(image.width, image.height, 4);  // premultiplied
  for (size_t i = 0; i < pixels; ++i) {
    const unsigned share = UINT8_MAX - mask.pixels[i];
    for (size_t c = 0; c < 3; ++c) {
      seen.pixels[4 * i + c] =
          static_cast<uint8_t>((image.pixels[3 * i + c] * share + UINT8_MAX / 2) / UINT8_MAX);
    }
    seen.pixels[4 * i + 3] = static_cast<uint8_t>(share);
  }
  std::vector<float> sum(4 * pixels);  // premultiplied, 0 to 255
  constexpr std::pair<int, int> kLayers[] = {{256, 1}, {64, 1}, {16, 2}, {4, 4}, {2, 2}, {0, 1}};
  for (const auto& [radius, repeats] : kLayers) {
    const Image blurred = Blur(seen, radius, radius);
    for (int repeat = 0; repeat < repeats; ++repeat) {
      for (size_t i = 0; i < pixels; ++i) {
        const float rest = 1 - static_cast<float>(blurred.pixels[4 * i + 3]) / UINT8_MAX;
        for (size_t c = 0; c < 4; ++c)
          sum[4 * i + c] = static_cast<float>(blurred.pixels[4 * i + c]) + rest * sum[4 * i + c];
      }
    }
  }
  Image filled = image;
  for (size_t i = 0; i < pixels; ++i) {
    const float alpha = sum[4 * i + 3];
    for (size_t c = 0; c < 3 && alpha > 0; ++c) {
      const float value = sum[4 * i + c] * UINT8_MAX / alpha + 0.5F;
      filled.pixels[3 * i + c] = static_cast<uint8_t>(std::min<float>(value, UINT8_MAX));
    }
  }
  return filled;
}

// [begin, end) grows by `more` on both sides, and is moved back where it leaves [0, size).
void Widen(int64_t more, int64_t size, int64_t& begin, int64_t& end) {
  begin -= more / 2;
  end += more - more / 2;
  if (end > size) {
    begin -= end - size;
    end = size;
  }
  if (begin < 0) {
    end = std::min(end - begin, size);
    begin = 0;
  }
}

}  // namespace

Image FitImage(const Image& image, uint32_t width, uint32_t height, FitMode mode) {
  if (mode == FitMode::kStretch) return ToSize(image, width, height);
  const ImageSize size = InnerSize({image.width, image.height}, width, height, mode);
  if (size.pixels() == 0) return ToSize(CutMiddle(image, width, height), width, height);
  const Image inner = ToSize(image, size.width, size.height);
  const int64_t left = int64_t{width} / 2 - int64_t{inner.width} / 2;
  const int64_t top = int64_t{height} / 2 - int64_t{inner.height} / 2;
  Image out = NewImage(width, height, image.channels);
  for (uint32_t y = 0; y < height; ++y) {
    const int64_t from_y = std::clamp<int64_t>(y - top, 0, int64_t{inner.height} - 1);
    const uint8_t* const row = inner.row(static_cast<size_t>(from_y));
    for (uint32_t x = 0; x < width; ++x) {
      const int64_t from_x = std::clamp<int64_t>(x - left, 0, int64_t{inner.width} - 1);
      std::copy_n(row + static_cast<size_t>(from_x) * image.channels, image.channels,
                  out.row(y) + size_t{x} * image.channels);
    }
  }
  return out;
}

size_t FitBytes(ImageSize from, uint32_t channels, ImageSize to, FitMode mode) {
  if (from.pixels() == 0) return 0;
  const auto resized = [&](ImageSize a, ImageSize b) {
    return ResizeBytes(a.width, a.height, channels, b.width, b.height, ResizeFilter::kLanczos);
  };
  if (mode == FitMode::kStretch) return resized(from, to);
  const ImageSize inner = InnerSize(from, to.width, to.height, mode);
  if (inner.pixels() > 0) return resized(from, inner) + to.pixels() * channels;
  const ImageSize middle = MiddleOf(from, to.width, to.height);
  return middle.pixels() * channels + resized(middle, to);
}

CallerMemory InpaintMemory(const ImageJobRequest& request, const InpaintOptions& options) {
  const auto [image, mask] = InputSizesOf(request);
  const ImageSize size = {static_cast<uint32_t>(request.request.width),
                          static_cast<uint32_t>(request.request.height)};
  const bool masked = !request.mask_file.empty();
  // The image in RGB, and whatever is made of both in the picture's size: they are padded, or cut
  // out of the image, before they are resized.
  CallerMemory memory;
  memory.adjusting = 3 * image.pixels() + FitBytes(image, 3, size, options.fit);
  if (!masked) return memory;
  const ImageSize whole = options.only_masked ? image : size;
  memory.kept = (3 + 1) * whole.pixels();
  const FitMode of_mask = options.only_masked ? FitMode::kStretch : options.fit;
  memory.adjusting += memory.kept + 3 * mask.pixels() + FitBytes(mask, 1, whole, of_mask) +
                      FitBytes(image, 1, size, FitMode::kPad) + (3 + 1) * image.pixels();
  if (options.fill) memory.adjusting += kFillBytesOfPixel * size.pixels();
  // Pictures are put back into the whole.
  const auto pictures = static_cast<size_t>(std::max<int64_t>(request.request.images, 1));
  memory.finishing =
      pictures * AnswerBytes(whole.pixels()) + FitBytes(size, 3, whole, FitMode::kCrop);
  return memory;
}

// What is not black in the mask, in the proportions of the picture.
Result<Inpainting::Region> Inpainting::RegionOf(const Image& mask, uint32_t padding, double ratio) {
  Region region{mask.width, mask.height, -1, -1};
  for (int64_t y = 0; y < mask.height; ++y) {
    const uint8_t* const row = mask.row(static_cast<size_t>(y));
    for (int64_t x = 0; x < mask.width; ++x) {
      if (row[x] == 0) continue;
      region.left = std::min(region.left, x);
      region.right = std::max(region.right, x + 1);
      region.top = std::min(region.top, y);
      region.bottom = y + 1;
    }
  }
  if (region.right < 0)
    return Error{Code::kInvalidArgument, "mask: nothing of it is to be painted"};
  region.left = std::max<int64_t>(region.left - padding, 0);
  region.top = std::max<int64_t>(region.top - padding, 0);
  region.right = std::min<int64_t>(region.right + padding, mask.width);
  region.bottom = std::min<int64_t>(region.bottom + padding, mask.height);
  const auto wide = static_cast<double>(region.width()),
             high = static_cast<double>(region.height());
  if (wide / high > ratio) {
    Widen(static_cast<int64_t>(wide / ratio - high), mask.height, region.top, region.bottom);
  } else {
    Widen(static_cast<int64_t>(high * ratio - wide), mask.width, region.left, region.right);
  }
  return region;
}

Image Inpainting::Cut(const Image& image, const Region& region) {
  Image cut = NewImage(static_cast<uint32_t>(region.width()),
                       static_cast<uint32_t>(region.height()), image.channels);
  for (uint32_t y = 0; y < cut.height; ++y) {
    std::memcpy(cut.row(y),
                image.row(y + static_cast<size_t>(region.top)) +
                    static_cast<size_t>(region.left) * image.channels,
                cut.row_bytes());
  }
  return cut;
}

Status Inpainting::Begin(ImageRequest& request) {
  const auto width = static_cast<uint32_t>(request.width);
  const auto height = static_cast<uint32_t>(request.height);
  original_ = ToRgb(*request.image);
  masked_ = request.mask.has_value();
  if (!masked_) {
    request.image = FitImage(original_, width, height, options_.fit);
    original_ = {};
    return {};
  }
  mask_ = GreyMask(*request.mask);
  if (options_.invert_mask) {
    for (uint8_t& value : mask_.pixels) value = static_cast<uint8_t>(UINT8_MAX - value);
  }
  mask_ = Blur(mask_, options_.blur_x, options_.blur_y);
  if (options_.only_masked) {
    mask_ = ToSize(mask_, original_.width, original_.height);
    MINNOW_ASSIGN_OR_RETURN(region_,
                            RegionOf(mask_, options_.padding, static_cast<double>(width) / height));
    request.image = FitImage(Cut(original_, region_), width, height, FitMode::kPad);
    request.mask = FitImage(Cut(mask_, region_), width, height, FitMode::kPad);
  } else {
    original_ = FitImage(original_, width, height, options_.fit);
    mask_ = FitImage(mask_, width, height, options_.fit);
    request.image = original_;
    request.mask = mask_;
    region_ = {0, 0, width, height};
    for (uint8_t& value : mask_.pixels) value = static_cast<uint8_t>(std::min(2 * value, 255));
  }
  if (options_.fill) request.image = FillMasked(*request.image, *request.mask);
  return {};
}

Image Inpainting::Finish(Image picture) const {
  if (!masked_) return picture;
  const Image part = FitImage(picture, static_cast<uint32_t>(region_.width()),
                              static_cast<uint32_t>(region_.height()), FitMode::kCrop);
  Image out = original_;
  for (uint32_t y = 0; y < part.height; ++y) {
    const size_t row = y + static_cast<size_t>(region_.top);
    for (uint32_t x = 0; x < part.width; ++x) {
      const size_t column = x + static_cast<size_t>(region_.left);
      const unsigned share = mask_.row(row)[column];
      for (size_t c = 0; c < 3; ++c) {
        uint8_t& value = out.row(row)[3 * column + c];
        value = static_cast<uint8_t>(
            (part.row(y)[3 * x + c] * share + value * (UINT8_MAX - share) + 127) / UINT8_MAX);
      }
    }
  }
  return out;
}

}  // namespace minnow
