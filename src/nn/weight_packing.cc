// SPDX-License-Identifier: Apache-2.0
// Quantisation and layout of weights; runs when a model is packed or loaded, not when it is used.
#include "nn/weight_packing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace minnow {
namespace {

constexpr size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// To the nearest integer for |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Unlike
// std::nearbyint this is arithmetic that vectorises on the baseline instruction set.
inline float Round(float x) {
  constexpr float kShift = 12582912.0f;
  return (x + kShift) - kShift;
}

// The integer of one weight, as a float within [-127, 127]; a NaN gives -127.
inline float Quantize(float w, float inverse) {
  const float scaled = w * inverse;
  return Round(scaled < 127.0f ? (scaled > -127.0f ? scaled : -127.0f) : 127.0f);
}

// Squared error of row with that scale. Four sums, so that they need not wait for each other.
float SquaredError(const float* row, size_t n, float scale) {
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  float sums[4] = {0, 0, 0, 0};
  for (size_t k = 0; k + 4 <= n; k += 4) {
    for (size_t i = 0; i < 4; ++i) {
      const float difference = row[k + i] - Quantize(row[k + i], inverse) * scale;
      sums[i] += difference * difference;
    }
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

float BestScale(const float* row, size_t n) {
  float largest = 0;
  for (size_t k = 0; k < n; ++k)
    largest = std::max(largest, std::isfinite(row[k]) ? std::fabs(row[k]) : 0.0f);
  float best = largest / 127.0f;
  float least = SquaredError(row, n, best);
  // Finer steps than this change the error by less than the rounding of the weights does.
  constexpr int kTrials = 8;
  for (int i = 1; i <= kTrials; ++i) {
    const float scale = largest / 127.0f * (1.0f - 0.03f * static_cast<float>(i));
    const float error = SquaredError(row, n, scale);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace

size_t PackedWeightBytes(Dtype dtype, size_t in_features, size_t out_features) {
  const size_t columns = RoundUp(out_features, kPanelColumns);
  switch (dtype) {
    case Dtype::kF32:
      return columns * in_features * sizeof(float);
    case Dtype::kBF16:
      return columns * RoundUp(in_features, 2) * sizeof(uint16_t);
    case Dtype::kInt8:
      return columns * RoundUp(in_features, 4);
  }
  return 0;
}

uint16_t RoundToBf16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

void PackBf16(const float* weight, size_t out_features, size_t in_features, uint16_t* out) {
  const size_t words = RoundUp(in_features, 2) / 2;
  std::memset(out, 0, PackedWeightBytes(Dtype::kBF16, in_features, out_features));
  for (size_t n = 0; n < out_features; ++n) {
    uint16_t* panel = out + n / kPanelColumns * kPanelColumns * words * 2 + n % kPanelColumns * 2;
    for (size_t k = 0; k < in_features; ++k) {
      float value;
      std::memcpy(&value, weight + n * in_features + k, sizeof value);
      panel[k / 2 * kPanelColumns * 2 + k % 2] = RoundToBf16(value);
    }
  }
}

void PackInt8(const float* weight, size_t out_features, size_t in_features, int8_t* out,
              float* scale, float* sum) {
  const size_t words = RoundUp(in_features, 4) / 4;
  const size_t columns = RoundUp(out_features, kPanelColumns);
  std::memset(out, 0, PackedWeightBytes(Dtype::kInt8, in_features, out_features));
  std::fill_n(scale, columns, 0.0f);
  std::fill_n(sum, columns, 0.0f);
  std::vector<float> row(in_features);
  for (size_t n = 0; n < out_features; ++n) {
    std::memcpy(row.data(), weight + n * in_features, in_features * sizeof(float));
    scale[n] = BestScale(row.data(), in_features);
    const float inverse = scale[n] > 0 ? 1.0f / scale[n] : 0.0f;
    int32_t total = 0;
    int8_t* panel = out + n / kPanelColumns * kPanelColumns * words * 4 + n % kPanelColumns * 4;
    for (size_t k = 0; k < in_features; ++k) {
      const auto q = static_cast<int8_t>(Quantize(row[k], inverse));
      panel[k / 4 * kPanelColumns * 4 + k % 4] = q;
      total += q;
    }
    sum[n] = scale[n] * static_cast<float>(total);
  }
}

}  // namespace minnow
