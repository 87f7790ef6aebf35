// SPDX-License-Identifier: Apache-2.0
// Maps themselves, and what is done to each pixel alone.
#include "nn/image_ops.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "nn/maps/map_elements.h"
#include "nn/maps/map_product.h"

namespace minnow {
namespace {

constexpr size_t kRowsOfATask = 256;

size_t OutputSide(size_t side, const Convolution& convolution, Border border) {
  const size_t added = convolution.kernel == 1 ? 0 : border == Border::kAll ? 2 : 1;
  return (side + added - convolution.kernel) / convolution.stride + 1;
}

}  // namespace

ImageOps::ImageOps(const Kernels& kernels, Dtype type, ThreadPool* pool, Arena& arena,
                   const std::atomic<bool>* stop, const std::function<void()>* yield)
    : kernels_(kernels), type_(type), arena_(arena), threads_(pool, stop, yield) {}

FeatureMap ImageOps::NewMap(size_t images, size_t height, size_t width, size_t channels) {
  FeatureMap map = {nullptr, type_, images, height, width, channels};
  map.data = arena_.Take(map.bytes());
  return map;
}

FeatureMap ImageOps::NewMapFor(const ConvolutionInput& input, const Convolution& convolution) {
  const size_t height = input.height != 0 ? input.height : input.first->height;
  const size_t width = input.width != 0 ? input.width : input.first->width;
  return NewMap(input.first->images, OutputSide(height, convolution, input.border),
                OutputSide(width, convolution, input.border), convolution.out_channels);
}

void ImageOps::FromPlanes(const float* planes, FeatureMap& y) {
  if (planning()) return;
  const size_t pixels = y.image_pixels(), tasks = (y.pixels() + kRowsOfATask - 1) / kRowsOfATask;
  const MapElement element = ElementOf(y.type);
  threads_.Run(tasks, [&](size_t, size_t task) {
    const Part part = PartOf(y.pixels(), 1, tasks, task);
    for (size_t p = part.first; p < part.first + part.size; ++p) {
      const float* plane = planes + p / pixels * y.channels * pixels + p % pixels;
      std::byte* to = ElementAt(y, p);
      for (size_t c = 0; c < y.channels; ++c) SetElement(to, element, c, plane[c * pixels]);
    }
    ZeroPadding(y, part.first, part.size);
  });
}

void ImageOps::ToPlanes(const FeatureMap& x, float* planes) {
  if (planning()) return;
  const size_t pixels = x.image_pixels(), tasks = (x.pixels() + kRowsOfATask - 1) / kRowsOfATask;
  const MapElement element = ElementOf(x.type);
  threads_.Run(tasks, [&](size_t, size_t task) {
    const Part part = PartOf(x.pixels(), 1, tasks, task);
    for (size_t p = part.first; p < part.first + part.size; ++p) {
      float* plane = planes + p / pixels * x.channels * pixels + p % pixels;
      const std::byte* from = ElementAt(x, p);
      for (size_t c = 0; c < x.channels; ++c) plane[c * pixels] = GetElement(from, element, c);
    }
  });
}

void ImageOps::SoftClamp(FeatureMap& y) {
  if (planning()) return;
  const MapElement element = ElementOf(y.type);
  for (size_t p = 0; p < y.pixels() && !stopped(); ++p) {
    std::byte* at = ElementAt(y, p);
    for (size_t c = 0; c < y.channels; ++c)
      SetElement(at, element, c, std::tanh(GetElement(at, element, c) / 3.0f) * 3.0f);
  }
}

}  // namespace minnow
