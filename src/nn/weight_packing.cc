// SPDX-License-Identifier: Apache-2.0
// Quantisation and layout of weights; runs when a model is packed or loaded, not when it is used.
#include "nn/weight_packing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "nn/embedding_table.h"

namespace minnow {
namespace {

constexpr size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// To the nearest integer for |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Unlike
// std::nearbyint this is arithmetic that vectorises on the baseline instruction set.
inline float Round(float x) {
  constexpr float kShift = 12582912.0f;
  return (x + kShift) - kShift;
}

// The integer of one element of an int4 group, as a float within [-8, 7]; a NaN gives 7.
inline float QuantizeInt4(float x, float inverse) {
  const float scaled = x * inverse;
  return Round(scaled < 7.0f ? (scaled > -8.0f ? scaled : -8.0f) : 7.0f);
}

// The f16 scale of an int4 group. There is one integer more below zero than above, so a negative
// scale suits a group whose largest magnitude is positive.
uint16_t BestInt4Scale(const float* group) {
  float largest = 0;
  for (size_t k = 0; k < kInt4Group; ++k)
    largest = std::max(largest, std::isfinite(group[k]) ? std::fabs(group[k]) : 0.0f);
  uint16_t best = 0;
  float least = INFINITY;
  constexpr int kTrials = 24;
  for (int i = 0; i < kTrials; ++i) {
    for (const float sign : {1.0f, -1.0f}) {
      // Rounded first, so that the integers fit what will be read back. From a little more than
      // the whole range, which the other end then does not fill, down to two thirds of it.
      const uint16_t bits =
          RoundToF16(sign * largest / 8.0f * (1.15f - 0.02f * static_cast<float>(i)));
      const float scale = FloatFromF16(bits);
      const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
      float error = 0;
      for (size_t k = 0; k < kInt4Group; ++k) {
        const float difference = group[k] - QuantizeInt4(group[k], inverse) * scale;
        error += difference * difference;
      }
      if (error < least) {
        least = error;
        best = bits;
      }
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

void PackTableInt4(const float* table, size_t rows, size_t columns, uint8_t* out,
                   uint16_t* scales) {
  const size_t groups = EmbeddingTable::Int4Groups(columns);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t g = 0; g < groups; ++g) {
      float group[kInt4Group] = {};  // beyond the row: zeros
      const size_t used = std::min<size_t>(kInt4Group, columns - g * kInt4Group);
      std::memcpy(group, table + r * columns + g * kInt4Group, used * sizeof(float));
      const uint16_t scale = BestInt4Scale(group);
      const float inverse = FloatFromF16(scale) != 0 ? 1.0f / FloatFromF16(scale) : 0.0f;
      scales[r * groups + g] = scale;
      uint8_t* bytes = out + (r * groups + g) * kInt4Group / 2;
      for (size_t j = 0; j < kInt4Group / 2; ++j) {
        const int low = static_cast<int>(QuantizeInt4(group[j], inverse)) + 8;
        const int high = static_cast<int>(QuantizeInt4(group[j + kInt4Group / 2], inverse)) + 8;
        bytes[j] = static_cast<uint8_t>(low | high << 4);
      }
    }
  }
}

// Round half to even; what is too large becomes infinity, too small a subnormal or zero.
uint16_t RoundToF16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const float magnitude = std::fabs(x);
  if (std::isnan(x)) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 65520.0f) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 6.103515625e-5f) {  // below 2^-14: multiples of 2^-24
    return static_cast<uint16_t>(sign |
                                 static_cast<uint16_t>(std::nearbyint(magnitude * 16777216.0f)));
  }
  const uint32_t rounded = (bits & 0x7fffffffu) + 0xfffu + (bits >> 13 & 1u);
  return static_cast<uint16_t>(sign | (rounded - (112u << 23)) >> 13);
}

}  // namespace minnow
