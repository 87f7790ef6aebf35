// SPDX-License-Identifier: Apache-2.0
// Quantisation of weights to int8; runs when a model is packed or loaded, not when it is used.
#include "nn/int8_packing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/round_up.h"
#include "kernels/kernels.h"
#include "nn/dtype.h"
#include "nn/round.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

constexpr float kLevels = 127.0f;
// Inputs whose words a kernel takes together, and the two groups of weights in them.
constexpr size_t kInputs = size_t{kInt8GroupWords} * 4;
constexpr size_t kMembers = kInputs / 2;

// The integer of one weight, as a float within kLevels; a NaN gives kLevels.
inline float Quantize(float w, float inverse) {
  const float scaled = w * inverse;
  return RoundSmall(scaled < kLevels ? (scaled > -kLevels ? scaled : -kLevels) : kLevels);
}

// The input, of kInputs, that is member i of a group.
constexpr size_t MemberInput(size_t group, size_t i) { return i / 2 * 4 + group * 2 + i % 2; }

// Infinities and NaN count as nothing: no scale is theirs.
inline float Magnitude(float x) { return std::isfinite(x) ? std::fabs(x) : 0.0f; }

float Largest(const float* row, size_t n) {
  float largest = 0;
  for (size_t k = 0; k < n; ++k) largest = std::max(largest, Magnitude(row[k]));
  return largest;
}

// Squared error of row with that scale. Four sums, so that they need not wait for each other.
// REQUIRES: n is a multiple of 4.
float SquaredError(const float* row, size_t n, float scale) {
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  float sums[4] = {0, 0, 0, 0};
  for (size_t k = 0; k < n; k += 4) {
    for (size_t i = 0; i < 4; ++i) {
      const float difference = row[k + i] - Quantize(row[k + i], inverse) * scale;
      sums[i] += difference * difference;
    }
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

// Squared error that is left when what is too much is taken evenly from so many members.
inline float ExcessError(float total, float members) {
  const float excess = std::max(0.0f, total - static_cast<float>(kInt8GroupSum));
  return excess * excess / std::max(members, 1.0f);
}

// Sums over the words of a group, for each input of a word.
struct WordSums {
  float above[4] = {}, below[4] = {}, members_above[4] = {}, members_below[4] = {};
};

// About the squared error of a row whose groups keep to their sums. Sums for each of the four
// inputs of a word, so that they need not wait for each other. REQUIRES: n is a multiple of
// kInputs.
float GroupedError(const float* row, size_t n, float scale) {
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  float rounding[4] = {}, shrinking = 0;
  for (size_t k = 0; k < n; k += kInputs) {
    WordSums sums;
    for (size_t word = 0; word < kInputs; word += 4) {
      float q[4], above[4], below[4];
      for (size_t i = 0; i < 4; ++i) q[i] = Quantize(row[k + word + i], inverse);
      for (size_t i = 0; i < 4; ++i) {
        const float difference = row[k + word + i] - q[i] * scale;
        rounding[i] += difference * difference;
      }
      for (size_t i = 0; i < 4; ++i) above[i] = q[i] > 0 ? q[i] : 0.0f;
      for (size_t i = 0; i < 4; ++i) below[i] = above[i] - q[i];
      for (size_t i = 0; i < 4; ++i) sums.above[i] += above[i];
      for (size_t i = 0; i < 4; ++i) sums.below[i] += below[i];
      // (At most 1 is added: integers.)
      for (size_t i = 0; i < 4; ++i) sums.members_above[i] += above[i] < 1.0f ? above[i] : 1.0f;
      for (size_t i = 0; i < 4; ++i) sums.members_below[i] += below[i] < 1.0f ? below[i] : 1.0f;
    }
    for (size_t i = 0; i < 4; i += 2) {
      shrinking += ExcessError(sums.above[i] + sums.above[i + 1],
                               sums.members_above[i] + sums.members_above[i + 1]) +
                   ExcessError(sums.below[i] + sums.below[i + 1],
                               sums.members_below[i] + sums.members_below[i + 1]);
    }
  }
  return rounding[0] + rounding[1] + rounding[2] + rounding[3] + shrinking * scale * scale;
}

// The scale, of some between a little less than `full` and `widest`, for which `error_of(scale)` is
// least: clipping what is rare leaves finer steps for all others.
template <class ErrorOf>
float BestScale(float full, float widest, const ErrorOf& error_of) {
  float best = widest;
  float least = error_of(best);
  const auto attempt = [&](float scale) {
    const float error = error_of(scale);
    if (error < least) {
      least = error;
      best = scale;
    }
  };
  constexpr float kNarrowest = 0.7f;
  constexpr float kCoarse = 1.1f;
  constexpr int kMostSteps = 24;  // more than are wanted: to seven times `full`
  float scale = kNarrowest * full;
  for (int i = 0; i < kMostSteps && scale < widest; ++i, scale *= kCoarse) attempt(scale);
  // Finer steps than these change the error by less than the rounding of the weights does.
  const float coarse = best;
  for (const float step : {0.95f, 0.975f, 1.025f, 1.05f}) attempt(coarse * step);
  return best;
}

// The largest sum of magnitudes of one sign in a group. The sum of two finite floats need not be
// one.
float HeaviestGroup(const float* row, size_t n) {
  float heaviest = 0;
  for (size_t k = 0; k < n; k += kInputs) {
    for (size_t group = 0; group < 2; ++group) {
      float above = 0, below = 0;
      for (size_t i = 0; i < kMembers; ++i) {
        const float x = row[k + MemberInput(group, i)];
        (x > 0 ? above : below) += Magnitude(x);
      }
      heaviest = std::max({heaviest, above, below});
    }
  }
  return std::min(heaviest, std::numeric_limits<float>::max());
}

// At the widest scale every group keeps to its sum as it is.
float GroupedScale(const float* row, size_t n, bool search) {
  const float full = Largest(row, n) / kLevels;
  const float widest = std::max(full, HeaviestGroup(row, n) / static_cast<float>(kInt8GroupSum));
  if (!search) return widest;
  return BestScale(full, widest, [&](float scale) { return GroupedError(row, n, scale); });
}

// Takes from the integers of one sign what is more than kInt8GroupSum, one by one from whichever is
// the farthest above its weight: that leaves the smallest squared error.
void Lighten(const float* weights, float inverse, size_t group, float sign, float* q) {
  float total = 0;
  for (size_t i = 0; i < kMembers; ++i) total += std::max(0.0f, sign * q[MemberInput(group, i)]);
  for (; total > static_cast<float>(kInt8GroupSum); --total) {
    size_t most = kInputs;
    float above_most = 0;
    for (size_t i = 0; i < kMembers; ++i) {
      const size_t at = MemberInput(group, i);
      if (!(sign * q[at] > 0)) continue;
      const float above = sign * (q[at] - weights[at] * inverse);
      if (most != kInputs && !(above > above_most)) continue;
      most = at;
      above_most = above;
    }
    q[most] -= sign;
  }
}

// q: [kInputs], integers that keep to kInt8GroupSum.
void QuantizeInputs(const float* weights, float inverse, float* q) {
  for (size_t i = 0; i < kInputs; ++i) q[i] = Quantize(weights[i], inverse);
  for (size_t group = 0; group < 2; ++group) {
    for (const float sign : {1.0f, -1.0f}) Lighten(weights, inverse, group, sign, q);
  }
}

// One output channel at a time.
class ChannelPacker {
 public:
  ChannelPacker(size_t in_features, const Int8Inputs& inputs)
      : in_features_(in_features),
        inputs_(inputs),
        words_((in_features + 3) / 4),
        row_(RoundUp(in_features, kInputs)) {}

  void Pack(const float* weight, size_t n, const Int8Target& out) {
    for (size_t k = 0; k < in_features_; ++k) {
      float w;
      std::memcpy(&w, weight + n * in_features_ + k, sizeof w);  // maybe unaligned
      row_[k] = inputs_.spread != nullptr ? w * inputs_.spread[k] : w;
    }
    const float scale = GroupedScale(row_.data(), row_.size(), inputs_.search);
    const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    int8_t* channel =
        out.weight + n / kPanelColumns * kPanelColumns * words_ * 4 + n % kPanelColumns * 4;
    int32_t total = 0;
    double lost = 0;
    for (size_t begin = 0; begin < in_features_; begin += kInputs) {
      float q[kInputs];
      QuantizeInputs(row_.data() + begin, inverse, q);
      for (size_t k = begin; k < std::min(begin + kInputs, in_features_); ++k) {
        const float integer = q[k - begin];
        channel[k / 4 * kPanelColumns * 4 + k % 4] = static_cast<int8_t>(integer);
        total += static_cast<int32_t>(integer);
        lost += MeanOf(k) * (double{row_[k]} - double{integer} * scale);
      }
    }
    out.scale[n] = scale;
    out.sum[n] = scale * static_cast<float>(total);
    if (out.bias != nullptr && std::isfinite(lost)) out.bias[n] += static_cast<float>(lost);
  }

 private:
  // Of an input as the integers meet it.
  double MeanOf(size_t k) const {
    if (inputs_.mean == nullptr) return 0;
    return inputs_.spread != nullptr ? double{inputs_.mean[k]} / inputs_.spread[k]
                                     : inputs_.mean[k];
  }

  const size_t in_features_;
  const Int8Inputs inputs_;
  const size_t words_;
  std::vector<float> row_;  // zeros beyond in_features_
};

}  // namespace

void PackInt8(const float* weight, size_t out_features, size_t in_features,
              const Int8Inputs& inputs, const Int8Target& out) {
  const size_t columns = RoundUp(out_features, kPanelColumns);
  std::memset(out.weight, 0, PackedWeightBytes(Dtype::kInt8, in_features, out_features));
  std::fill_n(out.scale, columns, 0.0f);
  std::fill_n(out.sum, columns, 0.0f);
  ChannelPacker packer(in_features, inputs);
  for (size_t n = 0; n < out_features; ++n) packer.Pack(weight, n, out);
}

void SpreadInputs(const float* most, const float* widest, size_t in_features, float* spread) {
  // A channel that was nearly silent over these texts may speak in others, and would then take the
  // range of its whole row. Beyond this nothing is gained (MiniLM: 4 is too little, 8 and more
  // equal).
  constexpr double kFarthest = 3;  // of the logarithm to base 2
  double sum = 0;
  std::vector<double> logs(in_features);
  for (size_t k = 0; k < in_features; ++k) {
    const double log = (std::log2(double{most[k]}) - std::log2(double{widest[k]})) / 2;
    logs[k] = std::isfinite(log) ? log : 0;
    sum += logs[k];
  }
  const double mean = in_features > 0 ? sum / static_cast<double>(in_features) : 0;
  for (size_t k = 0; k < in_features; ++k)
    spread[k] = static_cast<float>(std::exp2(std::clamp(logs[k] - mean, -kFarthest, kFarthest)));
}

void PackTableInt8(const float* table, size_t rows, size_t columns, int8_t* out, float* scales) {
  std::vector<float> row(RoundUp(columns, 4));  // zeros beyond columns
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(row.data(), table + r * columns, columns * sizeof(float));
    const float full = Largest(row.data(), columns) / kLevels;
    scales[r] = BestScale(full, full,
                          [&](float scale) { return SquaredError(row.data(), row.size(), scale); });
    const float inverse = scales[r] > 0 ? 1.0f / scales[r] : 0.0f;
    for (size_t c = 0; c < columns; ++c)
      out[r * columns + c] = static_cast<int8_t>(Quantize(row[c], inverse));
  }
}

}  // namespace minnow
