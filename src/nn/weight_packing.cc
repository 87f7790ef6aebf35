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

constexpr float kInt8Levels = 127.0f;

// To the nearest integer for |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Unlike
// std::nearbyint this is arithmetic that vectorises on the baseline instruction set.
inline float Round(float x) {
  constexpr float kShift = 12582912.0f;
  return (x + kShift) - kShift;
}

// The integer of one weight, as a float within kInt8Levels; a NaN gives kInt8Levels.
inline float Quantize(float w, float inverse) {
  const float scaled = w * inverse;
  return Round(scaled < kInt8Levels ? (scaled > -kInt8Levels ? scaled : -kInt8Levels)
                                    : kInt8Levels);
}

// The integers of two neighbours, of which the kernels add up the products in 16 bits.
struct Pair {
  float first, second;
};

// What is too much is taken from both, half each: that leaves the smallest squared error.
inline Pair QuantizePair(float first, float second, float inverse) {
  const float a = Quantize(first, inverse);
  const float b = Quantize(second, inverse);
  const float excess = std::fabs(a) + std::fabs(b) - static_cast<float>(kInt8PairSum);
  if (!(excess > 0)) return {a, b};
  const float from_first = std::floor(excess / 2);
  return {std::copysign(std::fabs(a) - from_first, a),
          std::copysign(std::fabs(b) - (excess - from_first), b)};
}

// The same without branches, to half an integer: near enough to compare scales by.
float PairError(const float* row, size_t n, float scale) {
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  float sums[4] = {0, 0, 0, 0};
  for (size_t k = 0; k + 8 <= n; k += 8) {
    for (size_t i = 0; i < 4; ++i) {
      const float x = row[k + 2 * i], y = row[k + 2 * i + 1];
      const float a = Quantize(x, inverse);
      const float b = Quantize(y, inverse);
      const float excess =
          std::max(0.0f, std::fabs(a) + std::fabs(b) - static_cast<float>(kInt8PairSum)) * 0.5f;
      const float dx = std::fabs(x - a * scale) + excess * scale;
      const float dy = std::fabs(y - b * scale) + excess * scale;
      sums[i] += dx * dx + dy * dy;
    }
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
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

// The scale, of some between a little less than `largest` / kInt8Levels and `widest`, for which
// `error_of(scale)` is least: clipping what is rare leaves finer steps for all others.
template <class ErrorOf>
float BestScale(float largest, float widest, const ErrorOf& error_of) {
  float best = widest;
  float least = error_of(best);
  constexpr float kNarrowest = 0.76f;
  // Finer steps than this change the error by less than the rounding of the weights does.
  constexpr float kStep = 0.03f;
  const float full = largest / kInt8Levels;
  for (float scale = kNarrowest * full; scale < widest; scale += kStep * full) {
    const float error = error_of(scale);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

// Infinities and NaN count as nothing: no scale is theirs.
inline float Magnitude(float x) { return std::isfinite(x) ? std::fabs(x) : 0.0f; }

float Largest(const float* row, size_t n) {
  float largest = 0;
  for (size_t k = 0; k < n; ++k) largest = std::max(largest, Magnitude(row[k]));
  return largest;
}

float BestRowScale(const float* row, size_t n) {
  const float largest = Largest(row, n);
  return BestScale(largest, largest / kInt8Levels,
                   [&](float scale) { return SquaredError(row, n, scale); });
}

// At the widest scale every pair keeps to its sum as it is.
float BestPairScale(const float* row, size_t n) {
  float heaviest = 0;
  for (size_t k = 0; k + 1 < n; k += 2)
    heaviest = std::max(heaviest, Magnitude(row[k]) + Magnitude(row[k + 1]));
  const float largest = Largest(row, n);
  // (The sum of two finite floats need not be one.)
  heaviest = std::min(heaviest, std::numeric_limits<float>::max());
  const float widest = std::max(largest / kInt8Levels, heaviest / static_cast<float>(kInt8PairSum));
  return BestScale(largest, widest, [&](float scale) { return PairError(row, n, scale); });
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
    scale[n] = BestPairScale(row.data(), in_features);
    const float inverse = scale[n] > 0 ? 1.0f / scale[n] : 0.0f;
    int32_t total = 0;
    int8_t* panel = out + n / kPanelColumns * kPanelColumns * words * 4 + n % kPanelColumns * 4;
    for (size_t k = 0; k < in_features; k += 2) {
      const bool alone = k + 1 == in_features;
      const Pair pair = QuantizePair(row[k], alone ? 0.0f : row[k + 1], inverse);
      int8_t* out_pair = panel + k / 4 * kPanelColumns * 4 + k % 4;
      out_pair[0] = static_cast<int8_t>(pair.first);
      if (!alone) out_pair[1] = static_cast<int8_t>(pair.second);
      total += static_cast<int32_t>(pair.first) + static_cast<int32_t>(pair.second);
    }
    sum[n] = scale[n] * static_cast<float>(total);
  }
}

void PackTableInt8(const float* table, size_t rows, size_t columns, int8_t* out, float* scales) {
  std::vector<float> row(columns);
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(row.data(), table + r * columns, columns * sizeof(float));
    scales[r] = BestRowScale(row.data(), columns);
    const float inverse = scales[r] > 0 ? 1.0f / scales[r] : 0.0f;
    for (size_t c = 0; c < columns; ++c) {
      out[r * columns + c] = static_cast<int8_t>(Quantize(row[c], inverse));
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
