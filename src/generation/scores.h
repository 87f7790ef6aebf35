// SPDX-License-Identifier: Apache-2.0
// Arithmetic on a row of scores: the best one, the best k, log-softmax.
//
// NaN counts as minus infinity everywhere. Sums run in a fixed order, so that the same row gives
// the same bits; nothing here allocates but constructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace minnow {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();  // the score of no chance

// The index of the first maximum; -1 where no score is above minus infinity.
int32_t ArgMax(std::span<const float> scores);

// ln of the sum of e^score; minus infinity where no score is above that. Plus infinity counts as
// the largest float.
float LogSumExp(std::span<const float> scores);

// What LogSoftmax makes of one score of a row. REQUIRES: log_sum_exp above minus infinity
float LogProbability(float score, float log_sum_exp);

// scores -= LogSumExp(scores); NaN becomes minus infinity, plus infinity the largest float first.
// False where no score is above minus infinity; all are minus infinity then.
bool LogSoftmax(std::span<float> scores);

// A way on from a row of a search.
struct Continuation {
  double order = 0;  // the greatest is the best; of equals the lower row, then the lower id
  float total = 0;   // the row's total + score
  float score = 0;   // of the id in its row
  uint32_t row = 0;
  int32_t id = 0;
};

// Keeps the best of many continuations, one pass over the scores, none sorted but those kept.
class BestContinuations {
 public:
  // REQUIRES: capacity > 0
  explicit BestContinuations(size_t capacity) : capacity_(capacity) { heap_.reserve(capacity); }

  void Clear() { heap_.clear(); }
  // Offers every id of a row, ordered by total + score. Rows come in rising order. What is minus
  // infinity is no continuation.
  void OfferRow(std::span<const float> scores, float total, uint32_t row);
  void Offer(const Continuation& continuation);
  // Best first. Ends what Clear began.
  std::span<const Continuation> Take();

 private:
  size_t capacity_;
  std::vector<Continuation> heap_;  // the worst in front
};

// The k-th largest score, counting equals singly; minus infinity where fewer than k are above it.
class KthLargest {
 public:
  // REQUIRES: k > 0
  explicit KthLargest(size_t k) : k_(k) { heap_.reserve(k); }
  float Of(std::span<const float> scores);

 private:
  size_t k_;
  std::vector<float> heap_;  // the smallest in front
};

}  // namespace minnow
