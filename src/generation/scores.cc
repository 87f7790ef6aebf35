// SPDX-License-Identifier: Apache-2.0
#include "generation/scores.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

namespace minnow {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr size_t kLanes = 64;   // maxima on the way, side by side
constexpr size_t kBlock = 256;  // scores whose exponentials are summed in float

// NaN becomes minus infinity, plus infinity the largest float.
inline float Cleaned(float score) {
  score = score > kForbidden ? score : kForbidden;
  return score < kLargest ? score : kLargest;
}

// e^x for x <= 0, to about 2e-7 of itself; 1 above that. Below -87, where a sum of at least 1 does
// not feel it, and for NaN e^-87. Written so that compilers make vectors of it.
inline float ExpNotPositive(float x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: the low bits of x + kRound are round(x)
  x = x > -87.0f ? x : -87.0f;
  x = x < 0.0f ? x : 0.0f;
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;  // in [-ln 2 / 2, ln 2 / 2]
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;
  return p * std::bit_cast<float>(exponent);
}

float Max(std::span<const float> scores) {
  float lanes[kLanes];
  std::fill(std::begin(lanes), std::end(lanes), kForbidden);
  size_t i = 0;
  for (; i + kLanes <= scores.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float score = scores[i + lane];
      lanes[lane] = score > lanes[lane] ? score : lanes[lane];
    }
  }
  for (; i < scores.size(); ++i) lanes[0] = scores[i] > lanes[0] ? scores[i] : lanes[0];
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) {
      const float score = lanes[lane + width];
      lanes[lane] = score > lanes[lane] ? score : lanes[lane];
    }
  }
  return lanes[0];
}

// The sum of e^(score - max) of at most kBlock scores. Loops of a constant length over an array of
// its own: that is what compilers make vectors of.
float SumBlock(std::span<const float> scores, float max) {
  float terms[kBlock];
  std::copy(scores.begin(), scores.end(), terms);
  std::fill(terms + scores.size(), terms + kBlock, kForbidden);
  for (float& term : terms) term = ExpNotPositive(term - max);
  for (size_t width = kBlock / 2; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) terms[i] += terms[i + width];
  }
  return terms[0];
}

bool Better(const Continuation& a, const Continuation& b) {
  if (a.order != b.order) return a.order > b.order;
  return a.row != b.row ? a.row < b.row : a.id < b.id;
}

}  // namespace

int32_t ArgMax(std::span<const float> scores) {
  const float max = Max(scores);
  if (max == kForbidden) return -1;
  return static_cast<int32_t>(std::find(scores.begin(), scores.end(), max) - scores.begin());
}

float LogSumExp(std::span<const float> scores) {
  const float max = std::min(Max(scores), kLargest);
  if (max == kForbidden) return kForbidden;
  double sum = 0;
  for (size_t i = 0; i < scores.size(); i += kBlock) {
    sum += SumBlock(scores.subspan(i, std::min(kBlock, scores.size() - i)), max);
  }
  return max + static_cast<float>(std::log(sum));
}

float LogProbability(float score, float log_sum_exp) { return Cleaned(score) - log_sum_exp; }

bool LogSoftmax(std::span<float> scores) {
  const float sum = LogSumExp(scores);
  if (sum == kForbidden) {
    std::fill(scores.begin(), scores.end(), kForbidden);
    return false;
  }
  for (float& score : scores) score = LogProbability(score, sum);
  return true;
}

void BestContinuations::OfferRow(std::span<const float> scores, float total, uint32_t row) {
  constexpr size_t kSkip = 64;
  for (size_t i = 0; i < scores.size(); i += kSkip) {
    const auto block = scores.subspan(i, std::min(kSkip, scores.size() - i));
    // Most blocks hold nothing better than the worst that is kept.
    const double worst = heap_.size() < capacity_ ? kForbidden : heap_.front().order;
    if (!(Max(block) + total > worst)) continue;
    for (size_t j = 0; j < block.size(); ++j) {
      const float sum = block[j] + total;
      if (!(sum > kForbidden)) continue;
      Offer({sum, sum, block[j], row, static_cast<int32_t>(i + j)});
    }
  }
}

void BestContinuations::Offer(const Continuation& continuation) {
  if (heap_.size() == capacity_) {
    if (!Better(continuation, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), Better);
    heap_.pop_back();
  }
  heap_.push_back(continuation);
  std::push_heap(heap_.begin(), heap_.end(), Better);
}

std::span<const Continuation> BestContinuations::Take() {
  std::sort_heap(heap_.begin(), heap_.end(), Better);
  return heap_;
}

float KthLargest::Of(std::span<const float> scores) {
  heap_.clear();
  for (const float score : scores) {
    if (heap_.size() == k_) {
      if (!(score > heap_.front())) continue;
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.pop_back();
    } else if (!(score > kForbidden)) {
      continue;
    }
    heap_.push_back(score);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  return heap_.size() < k_ ? kForbidden : heap_.front();
}

}  // namespace minnow
