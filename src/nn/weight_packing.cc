// SPDX-License-Identifier: Apache-2.0
// Quantisation and layout of weights; runs when a model is packed or loaded, not when it is used.
#include "nn/weight_packing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "base/round_up.h"
#include "nn/round.h"

namespace minnow {
namespace {

// What is not finite has an exponent of ones. Integers, since a loop over them becomes a vector's.
template <class Bits>
bool HaveFiniteExponents(const void* values, size_t count, Bits ones) {
  Bits found = 0;
  for (size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, static_cast<const std::byte*>(values) + i * sizeof bits, sizeof bits);
    found |= (bits & ones) == ones;
  }
  return found == 0;
}

// The integer of one element of an int4 group, as a float within [-8, 7]; a NaN gives 7.
inline float QuantizeInt4(float x, float inverse) {
  const float scaled = x * inverse;
  return RoundSmall(scaled < 7.0f ? (scaled > -8.0f ? scaled : -8.0f) : 7.0f);
}

float LargestFinite(const float* group) {
  float largest = 0;
  for (size_t k = 0; k < kInt4Group; ++k)
    largest = std::max(largest, std::isfinite(group[k]) ? std::fabs(group[k]) : 0.0f);
  return largest;
}

// The largest scale of a row that is no larger than x, or 0.
uint8_t Int4RowBits(float x) {
  const uint16_t bits = RoundToF16(x);
  return static_cast<uint8_t>(std::min<int>(bits, 0x7bff) >> 7);
}

// How a row is written: the scale of all of it, and of each group its code and what rounding costs.
struct Int4RowChoice {
  uint8_t scale = 0;
  float error = INFINITY;
  uint8_t codes[kMaxInt4Columns / kInt4Group] = {};
};

// The code of the least squared error, among those whose range is about that of the group. There is
// one integer more below zero than above, so a negative scale suits a group whose largest magnitude
// is positive.
float ChooseInt4Code(const float* group, float row_scale, uint8_t& best) {
  const float largest = LargestFinite(group);
  float least = INFINITY;
  for (unsigned magnitude = 0; magnitude < kInt4ScaleCodes / 2; ++magnitude) {
    const float range = 8.0f * Int4GroupScale(row_scale, magnitude);
    // The widest that is too narrow stays in, should all be.
    const bool narrow = magnitude + 1 < kInt4ScaleCodes / 2 && range < 0.66f * largest;
    const bool wide = magnitude > 0 && range > 1.4f * largest;
    if (narrow || wide) continue;
    for (const unsigned code : {magnitude, magnitude | kInt4ScaleCodes / 2}) {
      const float scale = Int4GroupScale(row_scale, code);
      const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
      float error = 0;
      for (size_t k = 0; k < kInt4Group; ++k) {
        const float difference = group[k] - QuantizeInt4(group[k], inverse) * scale;
        error += difference * difference;
      }
      if (error < least) {
        least = error;
        best = static_cast<uint8_t>(code);
      }
    }
  }
  return least;
}

// row: groups of 64, zeros beyond its end.
Int4RowChoice ChooseInt4Scales(const float* row, size_t groups) {
  float largest = 0;
  for (size_t g = 0; g < groups; ++g)
    largest = std::max(largest, LargestFinite(row + g * kInt4Group));
  Int4RowChoice best;
  const int most = Int4RowBits(largest / 8.0f * 1.15f);
  // A step of a row's scale is 6 to 12 %: from a little more than the largest magnitude needs down
  // to about two thirds of it.
  constexpr int kTrials = 7;
  for (int bits = most; bits >= 0 && bits > most - kTrials; --bits) {
    Int4RowChoice choice = {.scale = static_cast<uint8_t>(bits), .error = 0};
    for (size_t g = 0; g < groups; ++g) {
      choice.error +=
          ChooseInt4Code(row + g * kInt4Group, Int4RowScale(choice.scale), choice.codes[g]);
    }
    if (choice.error < best.error) best = choice;
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

bool AllFinite(const void* values, size_t count, TableType type) {
  if (type == TableType::kF32) return HaveFiniteExponents<uint32_t>(values, count, 0x7f800000u);
  return HaveFiniteExponents<uint16_t>(values, count, type == TableType::kF16 ? 0x7c00u : 0x7f80u);
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

void PackTableInt4(const float* table, size_t rows, size_t columns, uint8_t* out, uint8_t* scales) {
  const size_t groups = EmbeddingTable::Int4Groups(columns);
  CHECK(columns <= kMaxInt4Columns);
  const size_t scale_bytes = EmbeddingTable::Int4ScaleBytes(columns);
  std::vector<float> row(groups * kInt4Group);  // zeros beyond the columns
  for (size_t r = 0; r < rows; ++r, scales += scale_bytes) {
    std::memcpy(row.data(), table + r * columns, columns * sizeof(float));
    const Int4RowChoice choice = ChooseInt4Scales(row.data(), groups);
    std::memset(scales, 0, scale_bytes);
    scales[0] = choice.scale;
    for (size_t g = 0; g < groups; ++g) {
      scales[1 + g / 2] |= static_cast<uint8_t>(choice.codes[g] << g % 2 * 4);
      const float scale = Int4GroupScale(Int4RowScale(choice.scale), choice.codes[g]);
      const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
      const float* group = row.data() + g * kInt4Group;
      for (size_t j = 0; j < kInt4Group / 2; ++j) {
        const int low = static_cast<int>(QuantizeInt4(group[j], inverse)) + 8;
        const int high = static_cast<int>(QuantizeInt4(group[j + kInt4Group / 2], inverse)) + 8;
        *out++ = static_cast<uint8_t>(low | high << 4);
      }
    }
  }
}

void ShrinkPanels(const float* panels, size_t in_features, size_t out_features, int8_t* integers,
                  float* scales) {
  constexpr float kLevels = 127;
  const size_t panel = in_features * kPanelColumns;
  for (size_t n = 0; n < RoundUp(out_features, kPanelColumns); ++n) {
    const size_t begin = n / kPanelColumns * panel + n % kPanelColumns;
    float largest = 0, fault = 0;  // NaN where a weight is not finite: integers cannot tell
    for (size_t i = begin; i < begin + panel; i += kPanelColumns) {
      largest = std::max(largest, std::isfinite(panels[i]) ? std::fabs(panels[i]) : 0.0f);
      fault += 0.0f * panels[i];
    }
    scales[n] = largest / kLevels + fault;
    const float inverse = scales[n] > 0 ? 1.0f / scales[n] : 0.0f;
    for (size_t i = begin; i < begin + panel; i += kPanelColumns) {
      const float x = panels[i] * inverse;
      const float kept = x < kLevels ? (x > -kLevels ? x : -kLevels) : kLevels;  // also a NaN
      integers[i] = static_cast<int8_t>(RoundSmall(kept));
    }
  }
}

void ExpandPanels(const int8_t* integers, const float* scales, size_t in_features,
                  size_t out_features, float* panels) {
  for (size_t n = 0; n < out_features; n += kPanelColumns, scales += kPanelColumns) {
    for (size_t k = 0; k < in_features; ++k, integers += kPanelColumns, panels += kPanelColumns) {
      for (size_t c = 0; c < kPanelColumns; ++c)
        panels[c] = scales[c] * static_cast<float>(integers[c]);
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

void AddLowRank(const LowRank& product, size_t rows, size_t columns, float* out) {
  for (size_t n = 0; n < rows; ++n) {
    float* row = out + n * columns;
    for (size_t r = 0; r < product.rank; ++r) {
      const float factor = product.scale * product.up[n * product.rank + r];
      const float* down = product.down + r * columns;
      for (size_t k = 0; k < columns; ++k) row[k] += factor * down[k];
    }
  }
}

}  // namespace minnow
