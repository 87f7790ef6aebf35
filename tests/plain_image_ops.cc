// SPDX-License-Identifier: Apache-2.0
// Plain loops, element by element.
#include "tests/plain_image_ops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace minnow {
namespace {

float Get(const FeatureMap& map, size_t pixel, size_t channel) {
  const size_t i = pixel * map.stride() + channel;
  if (map.type == Dtype::kF32) return reinterpret_cast<const float*>(map.data)[i];
  return std::bit_cast<float>(static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(map.data)[i])
                              << 16);
}

void Set(FeatureMap& map, size_t pixel, size_t channel, float value) {
  const size_t i = pixel * map.stride() + channel;
  if (map.type == Dtype::kF32) {
    reinterpret_cast<float*>(map.data)[i] = value;
    return;
  }
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  reinterpret_cast<uint16_t*>(map.data)[i] =
      static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float Activate(float x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kSilu:
      return x / (1.0f + std::exp(-x));
    case Activation::kRelu:
      return x > 0.0f ? x : 0.0f;
    case Activation::kGeluErf:
      return 0.5f * x * (1.0f + std::erf(x * 0.70710678f));
    case Activation::kGeluTanh:
      return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    case Activation::kQuickGelu:
      return x / (1.0f + std::exp(-1.702f * x));
  }
  return x;
}

void ZeroPadding(FeatureMap& map) {
  for (size_t p = 0; p < map.pixels(); ++p) {
    for (size_t c = map.channels; c < map.stride(); ++c) Set(map, p, c, 0.0f);
  }
}

// The channels of one image that a convolution reads, as floats: [height * width][channels].
std::vector<float> Gather(const ConvolutionInput& x, size_t image) {
  const FeatureMap& a = *x.first;
  const size_t more = x.second != nullptr ? x.second->channels : 0;
  const size_t channels = a.channels + more;
  const size_t pixels = a.image_pixels();
  std::vector<float> out(pixels * channels);
  for (size_t p = 0; p < pixels; ++p) {
    for (size_t c = 0; c < a.channels; ++c) out[p * channels + c] = Get(a, image * pixels + p, c);
    for (size_t c = 0; c < more; ++c)
      out[p * channels + a.channels + c] = Get(*x.second, image * pixels + p, c);
  }
  return out;
}

// x: [pixels][channels], in place.
void GroupNormalize(const GroupNorm& norm, size_t pixels, size_t channels, std::vector<float>& x) {
  const size_t width = channels / norm.groups;
  for (size_t g = 0; g < norm.groups; ++g) {
    double sum = 0, squares = 0;
    for (size_t p = 0; p < pixels; ++p) {
      for (size_t c = g * width; c < (g + 1) * width; ++c) sum += x[p * channels + c];
    }
    const double count = static_cast<double>(pixels * width);
    const double mean = sum / count;
    for (size_t p = 0; p < pixels; ++p) {
      for (size_t c = g * width; c < (g + 1) * width; ++c) {
        const double d = x[p * channels + c] - mean;
        squares += d * d;
      }
    }
    const double scale = 1.0 / std::sqrt(squares / count + norm.epsilon);
    for (size_t p = 0; p < pixels; ++p) {
      for (size_t c = g * width; c < (g + 1) * width; ++c) {
        x[p * channels + c] =
            static_cast<float>((x[p * channels + c] - mean) * scale) * norm.gamma[c] + norm.beta[c];
      }
    }
  }
}

void LayerNormalize(const LayerNorm& norm, size_t channels, float* x) {
  double sum = 0, squares = 0;
  for (size_t c = 0; c < channels; ++c) sum += x[c];
  const double mean = sum / static_cast<double>(channels);
  for (size_t c = 0; c < channels; ++c) squares += (x[c] - mean) * (x[c] - mean);
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(channels) + norm.epsilon);
  for (size_t c = 0; c < channels; ++c)
    x[c] = static_cast<float>((x[c] - mean) * scale) * norm.gamma[c] + norm.beta[c];
}

}  // namespace

void PlainImageOps::Convolve(const ConvolutionInput& x, const Convolution& convolution,
                             const ConvolutionOutput& then, FeatureMap& y) {
  const size_t channels = convolution.in_channels;
  const size_t padded = RoundUpChannels(channels);
  const size_t old_height = x.first->height, old_width = x.first->width;
  const size_t height = x.height != 0 ? x.height : old_height;
  const size_t width = x.width != 0 ? x.width : old_width;
  const size_t before = convolution.kernel == 3 && x.border == Border::kAll ? 1 : 0;
  const Kernels& kernels = kernels_;
  const size_t inputs = convolution.kernel * convolution.kernel * padded;
  CHECK(inputs == convolution.product.weights().in_features);
  LinearScratch scratch(kernels, convolution.product.weights().dtype, 1, inputs);
  std::vector<float> row(PaddedColumns(inputs)), sums(y.stride());
  for (size_t image = 0; image < y.images; ++image) {
    std::vector<float> source = Gather(x, image);
    if (x.norm != nullptr) GroupNormalize(*x.norm, old_height * old_width, channels, source);
    for (float& value : source) value = Activate(value, x.activation);
    for (size_t p = 0; p < y.image_pixels(); ++p) {
      std::fill(row.begin(), row.end(), 0.0f);
      for (size_t tap = 0; tap < convolution.kernel * convolution.kernel; ++tap) {
        const size_t r = p / y.width * convolution.stride + tap / convolution.kernel - before;
        const size_t c = p % y.width * convolution.stride + tap % convolution.kernel - before;
        if (r >= height || c >= width) continue;  // below 0 wraps around
        const size_t from = r * old_height / height * old_width + c * old_width / width;
        std::copy_n(source.data() + from * channels, channels, row.data() + tap * padded);
      }
      convolution.product.Forward(kernels, {row.data(), row.size()}, 1, kMatmulNone, {},
                                  {sums.data(), sums.size()}, scratch);
      const size_t pixel = image * y.image_pixels() + p;
      for (size_t c = 0; c < y.channels; ++c) {
        float value = sums[c];
        if (then.per_image != nullptr) value += then.per_image[image * y.stride() + c];
        if (then.residual != nullptr) value += Get(*then.residual, pixel, c);
        Set(y, pixel, c, Activate(value, then.activation));
      }
    }
  }
  ZeroPadding(y);
}

void PlainImageOps::Product(const FeatureMap& x, const LayerNorm* norm, const Linear& linear,
                            Activation activation, const FeatureMap* residual, FeatureMap& y) {
  const Kernels& kernels = kernels_;
  const size_t inputs = linear.weights().in_features;
  LinearScratch scratch(kernels, linear.weights().dtype, 1, inputs);
  std::vector<float> row(PaddedColumns(inputs)), sums(PaddedColumns(linear.weights().out_features));
  for (size_t p = 0; p < x.pixels(); ++p) {
    for (size_t c = 0; c < inputs; ++c) row[c] = Get(x, p, c);
    if (norm != nullptr) LayerNormalize(*norm, inputs, row.data());
    linear.Forward(kernels, {row.data(), row.size()}, 1, kMatmulNone, {},
                   {sums.data(), sums.size()}, scratch);
    for (size_t c = 0; c < y.channels; ++c) {
      const float value = Activate(sums[c], activation);
      Set(y, p, c, residual != nullptr ? value + Get(*residual, p, c) : value);
    }
  }
  ZeroPadding(y);
}

void PlainImageOps::GatedFeedForward(const FeatureMap& x, const LayerNorm& norm, const Linear& in,
                                     const Linear& out, FeatureMap& y) {
  const Kernels& kernels = kernels_;
  const size_t channels = in.weights().in_features, inner = out.weights().in_features;
  CHECK(in.weights().out_features == 2 * inner);
  LinearScratch first(kernels, in.weights().dtype, 1, channels);
  LinearScratch second(kernels, out.weights().dtype, 1, inner);
  std::vector<float> row(PaddedColumns(channels)), both(PaddedColumns(2 * inner)),
      gated(PaddedColumns(inner));
  for (size_t p = 0; p < x.pixels(); ++p) {
    for (size_t c = 0; c < channels; ++c) row[c] = Get(x, p, c);
    LayerNormalize(norm, channels, row.data());
    in.Forward(kernels, {row.data(), row.size()}, 1, kMatmulNone, {}, {both.data(), both.size()},
               first);
    for (size_t i = 0; i < inner; ++i)
      gated[i] = both[i] * Activate(both[inner + i], Activation::kGeluErf);
    out.Forward(kernels, {gated.data(), gated.size()}, 1, kMatmulNone, {}, {row.data(), row.size()},
                second);
    for (size_t c = 0; c < channels; ++c) Set(y, p, c, Get(x, p, c) + row[c]);
  }
  ZeroPadding(y);
}

void PlainImageOps::Normalize(const FeatureMap& x, const GroupNorm& norm, FeatureMap& y) {
  for (size_t image = 0; image < x.images; ++image) {
    std::vector<float> values = Gather({.first = &x}, image);
    GroupNormalize(norm, x.image_pixels(), x.channels, values);
    for (size_t p = 0; p < x.image_pixels(); ++p) {
      for (size_t c = 0; c < x.channels; ++c)
        Set(y, image * x.image_pixels() + p, c, values[p * x.channels + c]);
    }
  }
  ZeroPadding(y);
}

void PlainImageOps::Normalize(const FeatureMap& x, const LayerNorm& norm, FeatureMap& y) {
  std::vector<float> row(x.channels);
  for (size_t p = 0; p < x.pixels(); ++p) {
    for (size_t c = 0; c < x.channels; ++c) row[c] = Get(x, p, c);
    LayerNormalize(norm, x.channels, row.data());
    for (size_t c = 0; c < x.channels; ++c) Set(y, p, c, row[c]);
  }
  ZeroPadding(y);
}

void PlainImageOps::Attend(const ImageOps::Heads& q, const ImageOps::Heads& k,
                           const ImageOps::Heads& v, size_t heads, bool causal, FeatureMap& y) {
  const size_t size = y.channels / heads;
  const size_t queries = q.map->image_pixels(), keys = k.map->image_pixels();
  const double scale = 1.0 / std::sqrt(static_cast<double>(size));
  std::vector<double> scores(keys);
  for (size_t row = 0; row < q.map->pixels(); ++row) {
    const size_t first_key = row / queries * keys;
    const size_t length = causal ? row % queries + 1 : keys;
    for (size_t h = 0; h < heads; ++h) {
      double most = -INFINITY, sum = 0;
      for (size_t j = 0; j < length; ++j) {
        double dot = 0;
        for (size_t d = 0; d < size; ++d) {
          dot += static_cast<double>(Get(*q.map, row, q.first_channel + h * size + d)) *
                 Get(*k.map, first_key + j, k.first_channel + h * size + d);
        }
        scores[j] = dot * scale;
        most = std::max(most, scores[j]);
      }
      for (size_t j = 0; j < length; ++j) sum += scores[j] = std::exp(scores[j] - most);
      for (size_t d = 0; d < size; ++d) {
        double mixed = 0;
        for (size_t j = 0; j < length; ++j)
          mixed += scores[j] * Get(*v.map, first_key + j, v.first_channel + h * size + d);
        Set(y, row, h * size + d, static_cast<float>(mixed / sum));
      }
    }
  }
  ZeroPadding(y);
}

}  // namespace minnow
