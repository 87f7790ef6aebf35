// SPDX-License-Identifier: Apache-2.0
// Pillow's arithmetic: weights in double, rounded to 22 bits; the width first, to 8 bits, then the
// height. The order of operations on doubles is Pillow's, and so are the last bits.
#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/check.h"

namespace minnow {
namespace {

constexpr int kWeightBits = 22;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double Bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double Bicubic(double x) {
  constexpr double kSharpness = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((kSharpness + 2.0) * x - (kSharpness + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kSharpness;
  return 0.0;
}

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double Lanczos(double x) { return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

struct Kernel {
  double (*weight)(double);
  double support;
};

Kernel KernelOf(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBox:
      return {Box, 0.5};
    case ResizeFilter::kBilinear:
      return {Bilinear, 1.0};
    case ResizeFilter::kBicubic:
      return {Bicubic, 2.0};
    default:
      return {Lanczos, 3.0};
  }
}

size_t WeightsPerPixel(const Kernel& kernel, uint32_t from, uint32_t to) {
  const double scale = std::max(1.0, static_cast<double>(from) / to);
  return static_cast<size_t>(std::ceil(kernel.support * scale)) * 2 + 1;
}

// For each pixel of the result along one side: which pixels it is made of, by which weights.
struct SideWeights {
  struct Range {
    size_t begin = 0;
    size_t count = 0;
  };
  size_t per_pixel = 0;
  std::vector<Range> ranges;     // [to]
  std::vector<int32_t> weights;  // [to, per_pixel]

  const int32_t* of(size_t i) const { return weights.data() + i * per_pixel; }
};

int32_t Rounded(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<int32_t>(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
}

SideWeights MakeWeights(const Kernel& kernel, uint32_t from, uint32_t to) {
  const double scale = static_cast<double>(from) / to;
  const double filter_scale = std::max(1.0, scale);
  const double support = kernel.support * filter_scale;
  const double inverse = 1.0 / filter_scale;
  SideWeights side;
  side.per_pixel = WeightsPerPixel(kernel, from, to);
  side.ranges.resize(to);
  side.weights.resize(to * side.per_pixel);
  std::vector<double> weights(side.per_pixel);
  for (size_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const double low = center - support + 0.5;
    const double high = center + support + 0.5;
    const size_t begin = low < 0 ? 0 : static_cast<size_t>(low);
    const size_t end = std::min<size_t>(from, static_cast<size_t>(high));
    double sum = 0.0;
    for (size_t x = begin; x < end; ++x) {
      weights[x - begin] = kernel.weight((static_cast<double>(x) - center + 0.5) * inverse);
      sum += weights[x - begin];
    }
    side.ranges[i] = {begin, end - begin};
    for (size_t k = 0; k < end - begin; ++k) {
      side.weights[i * side.per_pixel + k] = Rounded(sum != 0.0 ? weights[k] / sum : weights[k]);
    }
  }
  return side;
}

uint8_t Clipped(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

// Rows `first` to `first + image.height` of `from`, in the width of `image`.
template <size_t kChannels>
void ResizeWidth(const Image& from, size_t first, const SideWeights& side, Image& image) {
  for (uint32_t y = 0; y < image.height; ++y) {
    const uint8_t* row = from.row(first + y);
    uint8_t* to = image.row(y);
    for (size_t x = 0; x < image.width; ++x, to += kChannels) {
      const auto [begin, count] = side.ranges[x];
      const int32_t* weights = side.of(x);
      const uint8_t* pixel = row + begin * kChannels;
      int32_t sums[kChannels];
      std::fill_n(sums, kChannels, kHalf);
      for (size_t k = 0; k < count; ++k, pixel += kChannels) {
        for (size_t c = 0; c < kChannels; ++c) sums[c] += pixel[c] * weights[k];
      }
      for (size_t c = 0; c < kChannels; ++c) to[c] = Clipped(sums[c]);
    }
  }
}

// Row 0 of `from` is row `first` of what the weights count.
void ResizeHeight(const Image& from, size_t first, const SideWeights& side, Image& image) {
  std::vector<int32_t> sums(image.row_bytes());
  for (uint32_t y = 0; y < image.height; ++y) {
    const auto [begin, count] = side.ranges[y];
    std::fill(sums.begin(), sums.end(), kHalf);
    for (size_t k = 0; k < count; ++k) {
      const uint8_t* row = from.row(begin + k - first);
      const int32_t weight = side.of(y)[k];
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += row[i] * weight;
    }
    uint8_t* to = image.row(y);
    for (size_t i = 0; i < sums.size(); ++i) to[i] = Clipped(sums[i]);
  }
}

Image Filtered(const Image& image, uint32_t width, uint32_t height, const Kernel& kernel) {
  const bool changes_height = image.height != height;
  SideWeights rows;
  size_t first = 0;
  size_t last = image.height;
  if (changes_height) {
    rows = MakeWeights(kernel, image.height, height);
    first = rows.ranges.front().begin;
    last = rows.ranges.back().begin + rows.ranges.back().count;
  }
  const Image* from = &image;
  size_t from_row = 0;
  Image narrowed;
  if (image.width != width) {
    const SideWeights columns = MakeWeights(kernel, image.width, width);
    narrowed = NewImage(width, static_cast<uint32_t>(last - first), image.channels);
    const auto resize_width = image.channels == 1   ? ResizeWidth<1>
                              : image.channels == 3 ? ResizeWidth<3>
                                                    : ResizeWidth<4>;
    resize_width(image, first, columns, narrowed);
    if (!changes_height) return narrowed;
    from = &narrowed;
    from_row = first;
  }
  Image resized = NewImage(width, height, image.channels);
  ResizeHeight(*from, from_row, rows, resized);
  return resized;
}

// Which pixels along one side; the position is a sum, as in Pillow.
std::vector<size_t> NearestPixels(uint32_t from, uint32_t to) {
  const double step = static_cast<double>(from) / to;
  double at = step * 0.5;
  std::vector<size_t> pixels(to);
  for (size_t& pixel : pixels) {
    pixel = std::min<size_t>(static_cast<size_t>(at), from - 1);
    at += step;
  }
  return pixels;
}

Image Nearest(const Image& image, uint32_t width, uint32_t height) {
  const auto columns = NearestPixels(image.width, width);
  const auto rows = NearestPixels(image.height, height);
  Image resized = NewImage(width, height, image.channels);
  uint8_t* to = resized.pixels.data();
  for (const size_t y : rows) {
    for (const size_t x : columns) {
      const uint8_t* from = image.row(y) + x * image.channels;
      to = std::copy(from, from + image.channels, to);
    }
  }
  return resized;
}

void Premultiply(Image& image) {
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    const int alpha = image.pixels[i + 3];
    for (size_t c = i; c < i + 3; ++c) {
      const int product = image.pixels[c] * alpha + 128;
      image.pixels[c] = static_cast<uint8_t>(((product >> 8) + product) >> 8);
    }
  }
}

void Unpremultiply(Image& image) {
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    const int alpha = image.pixels[i + 3];
    if (alpha == 0 || alpha == 255) continue;
    for (size_t c = i; c < i + 3; ++c) {
      image.pixels[c] = static_cast<uint8_t>(std::min(255, 255 * image.pixels[c] / alpha));
    }
  }
}

// What MakeWeights takes.
size_t WeightBytes(const Kernel& kernel, uint32_t from, uint32_t to) {
  const size_t per_pixel = WeightsPerPixel(kernel, from, to);
  return to * (per_pixel * sizeof(int32_t) + sizeof(SideWeights::Range)) +
         per_pixel * sizeof(double);
}

}  // namespace

size_t ResizeBytes(uint32_t from_width, uint32_t from_height, uint32_t channels, uint32_t width,
                   uint32_t height, ResizeFilter filter) {
  const Kernel kernel = KernelOf(filter);
  size_t bytes = size_t{width} * height * channels;
  if (from_width == width && from_height == height) return bytes;
  if (channels == 4) bytes += size_t{from_width} * from_height * channels;
  if (from_width != width) bytes += WeightBytes(kernel, from_width, width);
  if (from_height == height) return bytes;
  if (from_width != width) bytes += size_t{width} * from_height * channels;
  return bytes + WeightBytes(kernel, from_height, height) +
         size_t{width} * channels * sizeof(int32_t);
}

Image Resize(const Image& image, uint32_t width, uint32_t height, ResizeFilter filter) {
  CHECK(image.width > 0 && image.height > 0 && width > 0 && height > 0);
  CHECK(image.channels == 1 || image.channels == 3 || image.channels == 4);
  if (image.width == width && image.height == height) return image;
  if (filter == ResizeFilter::kNearest) return Nearest(image, width, height);
  if (image.channels != 4) return Filtered(image, width, height, KernelOf(filter));
  Image premultiplied = image;
  Premultiply(premultiplied);
  Image resized = Filtered(premultiplied, width, height, KernelOf(filter));
  Unpremultiply(resized);
  return resized;
}

}  // namespace minnow
