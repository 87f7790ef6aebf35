// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/int8_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/round_up.h"
#include "nn/maps/map_elements.h"

namespace minnow {
namespace {

// Of activation(x) for x in [low, high].
void ActivateRange(Activation activation, float& low, float& high) {
  constexpr float kSiluBottom = -1.27846454f, kSiluLeast = -0.27846455f;
  if (activation == Activation::kRelu) {
    low = std::max(low, 0.0f);
    high = std::max(high, 0.0f);
  } else if (activation == Activation::kSilu) {
    const auto silu = [](float x) { return x / (1.0f + std::exp(-x)); };
    const bool falls = low<kSiluBottom, rises = high> kSiluBottom;
    const float first = silu(low), last = silu(high);
    low = falls && rises ? kSiluLeast : std::min(first, last);
    high = std::max(first, last);
  }
}

}  // namespace

Int8Step StepFor(float low, float high) {
  // One step less than there are: 0 is moved to a whole one.
  constexpr float kSteps = 254.0f;
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  const float range = high - low;
  constexpr float kLeastRange = 1e-30f;  // its inverse is finite
  if (range < kLeastRange) return {};
  if (!std::isfinite(range)) {
    constexpr float kFault = std::numeric_limits<float>::quiet_NaN();
    return {kFault, kFault, 0.0f};
  }
  const Int8Step step = {range / kSteps, 0.0f, kSteps / range};
  return {step.scale, -std::ceil(-low * step.inverse) * step.scale, step.inverse};
}

Int8BlockReader::Int8BlockReader(const Kernels& kernels, const ConvolutionInput& x,
                                 const Linear& linear, const ConvolutionGeometry& geometry,
                                 const GroupNormLines& lines)
    : kernels_(kernels),
      int8_(MapInt8For(kernels)),
      x_(x),
      g_(geometry),
      lines_(lines),
      rows_(kernels, linear, geometry.kernel == 1 ? geometry.in_height * geometry.in_width : 0) {}

size_t Int8BlockReader::from_bytes() const { return CacheLines(g_.in_width * sizeof(uint32_t)); }
size_t Int8BlockReader::block_bytes() const {
  return CacheLines(g_.in_height * g_.in_width * g_.padded * int8_.quantum_bytes);
}
size_t Int8BlockReader::range_bytes() const { return CacheLines(2 * g_.channels * sizeof(float)); }

size_t Int8BlockReader::bytes() const {
  // In a 3x3 convolution's: columns, integers, scale and offset, ranges of channels.
  return from_bytes() +
         (g_.kernel == 1 ? rows_.bytes() : block_bytes() + CacheLines(1) + range_bytes());
}

void Int8BlockReader::Read(const ConvolutionBlock& block, std::byte* memory) const {
  const BlockLines lines(g_, block, reinterpret_cast<uint32_t*>(memory));
  memory += from_bytes();
  if (g_.kernel == 1) return ReadPixels(block, lines, memory);
  float* scale = reinterpret_cast<float*>(memory + block_bytes());
  const Int8Step step = StepOf(block, lines, scale + CacheLines(1) / sizeof(float));
  scale[0] = step.scale;
  scale[1] = step.offset + static_cast<float>(int8_.quantum_bias) * step.scale;
  const size_t pixel_bytes = g_.padded * int8_.quantum_bytes;
  for (size_t r = 0; r < lines.count(); ++r) {
    const BlockLine line = lines.At(r);
    std::byte* row = memory + r * g_.in_width * pixel_bytes;
    if (!line.inside || g_.padded != g_.channels) Fill(row, lines.end() * g_.padded, step);
    if (!line.inside) continue;
    Fill(row, line.left * g_.padded, step);
    Fill(row + line.right * pixel_bytes, (lines.end() - line.right) * g_.padded, step);
    const auto quantize = [&](const FeatureMap& map, size_t channel) {
      const MapAffine values = ValuesOf(map, channel, block, line, 0, line.right - line.left);
      const MapQuantize args = {.values = &values,
                                .offset = step.offset,
                                .inverse = step.inverse,
                                .y = row + line.left * pixel_bytes + channel * int8_.quantum_bytes,
                                .y_stride = g_.padded};
      int8_.quantize(&args);
    };
    quantize(*x_.first, 0);
    if (x_.second != nullptr) quantize(*x_.second, x_.first->channels);
  }
}

void Int8BlockReader::SetInput(const std::byte* memory, MapProduct& p) const {
  memory += from_bytes();
  if (g_.kernel == 1) {
    rows_.SetInput(memory, p);
    p.line_stride = g_.stride * g_.in_width * p.x_stride;
    p.x_stride *= g_.stride;
    p.scale_line_stride = g_.stride * g_.in_width;
    p.scale_stride = g_.stride;
    return;
  }
  SetBlockInput(g_, memory, p);
  p.x_scale = reinterpret_cast<const float*>(memory + block_bytes());
  p.x_offset = p.x_scale + 1;
}

MapAffine Int8BlockReader::ValuesOf(const FeatureMap& map, size_t channel,
                                    const ConvolutionBlock& block, const BlockLine& line,
                                    size_t skip, size_t pixels) const {
  const size_t at = block.image * g_.channels + channel;
  return {.x = ElementAt(map, line.first + (g_.resized ? 0 : skip)),
          .x_element = ElementOf(map.type),
          .x_stride = map.stride(),
          .from = g_.resized ? line.from + skip : nullptr,
          .scale = x_.norm != nullptr ? lines_.scale + at : nullptr,
          .shift = x_.norm != nullptr ? lines_.shift + at : nullptr,
          .activation = KernelActivation(x_.activation),
          .y = nullptr,
          .y_element = kMapF32,
          .y_stride = 0,
          .rows = pixels,
          .channels = map.channels};
}

// The range of each channel is that of the pixels; norm and activation are computed for its ends
// alone. low: [2 * channels], of Read's memory.
Int8Step Int8BlockReader::StepOf(const ConvolutionBlock& block, const BlockLines& lines,
                                 float* low) const {
  constexpr float kMost = std::numeric_limits<float>::max();
  float* high = low + g_.channels;
  std::fill_n(low, g_.channels, kMost);
  std::fill_n(high, g_.channels, -kMost);
  size_t done = SIZE_MAX;  // a line that is repeated is measured once
  for (size_t r = 0; r < lines.count(); ++r) {
    const BlockLine line = lines.At(r);
    if (!line.inside || line.left == line.right || line.first == done) continue;
    done = line.first;
    const size_t pixels = line.right - line.left, first = g_.resized ? line.from[0] : 0;
    const auto measure = [&](const FeatureMap& map, size_t channel) {
      const MapRange args = {.x = ElementAt(map, line.first + first),
                             .element = ElementOf(map.type),
                             .x_stride = map.stride(),
                             .rows = g_.resized ? line.from[pixels - 1] - first + 1 : pixels,
                             .channels = map.channels,
                             .low = low + channel,
                             .high = high + channel};
      kernels_.map_elements->range(&args);
    };
    measure(*x_.first, 0);
    if (x_.second != nullptr) measure(*x_.second, x_.first->channels);
  }
  float least = kMost, most = -kMost, fault = 0;  // NaN where a number is not finite
  for (size_t c = 0; c < g_.channels; ++c) {
    float a = low[c], b = high[c];
    if (x_.norm != nullptr) {
      const size_t at = block.image * g_.channels + c;
      a = a * lines_.scale[at] + lines_.shift[at];
      b = b * lines_.scale[at] + lines_.shift[at];
    }
    least = std::min({least, a, b});
    most = std::max({most, a, b});
    fault += 0.0f * (a + b);
  }
  ActivateRange(x_.activation, least, most);
  return StepFor(least + fault, most + fault);
}

void Int8BlockReader::ReadPixels(const ConvolutionBlock& block, const BlockLines& lines,
                                 std::byte* memory) const {
  for (size_t r = 0; r < lines.count(); ++r) {
    const BlockLine line = lines.At(r);
    const size_t first = r * g_.in_width;
    const auto fill = [&](size_t row, size_t count, float* floats) {
      const auto convert = [&](const FeatureMap& map, size_t channel) {
        MapAffine args = ValuesOf(map, channel, block, line, row - first, count);
        args.y = floats + channel;
        args.y_stride = rows_.stride();
        kernels_.map_elements->affine(&args);
      };
      convert(*x_.first, 0);
      if (x_.second != nullptr) convert(*x_.second, x_.first->channels);
    };
    rows_.Quantize(first, lines.end(), memory, fill);
  }
}

void Int8BlockReader::Fill(std::byte* to, size_t count, const Int8Step& step) const {
  const float zero = step.scale > 0 ? std::round(-step.offset * step.inverse) : 0.0f;
  const int stored = static_cast<int>(zero) - int8_.quantum_bias;
  if (int8_.quantum_bytes == 1)
    std::memset(to, stored, count);
  else
    std::fill_n(reinterpret_cast<int16_t*>(to), count, static_cast<int16_t>(stored));
}

}  // namespace minnow
