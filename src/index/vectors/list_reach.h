// SPDX-License-Identifier: Apache-2.0
// How far above its centre's score a list's rows may reach, learned from the rows themselves.
//
// With q of length 1 and c the list's centroid, rows of the list are taken to score at most
// q c + reach spread, spread being the list's own. How large `reach` must be differs between kinds
// of data: it is measured by taking some rows as queries and looking at which lists their nearest
// rows lie in. (The length of q's part perpendicular to c tells nothing that q c does not: as a
// factor of spread it makes the same recall cost a third more rows.)
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "index/vectors/rotation.h"
#include "index/vectors/segment.h"
#include "index/vectors/vector_rows.h"
#include "kernels/kernels.h"

namespace minnow {

inline float ListPotential(float centre_dot, const ListHead& head, float reach) {
  return centre_dot + reach * head.spread;
}

// Some rows as queries, and the nearest of all rows to each.
class ReachSample {
 public:
  // One thread's findings.
  class Part {
   private:
    friend class ReachSample;
    struct Found {
      float score;
      uint32_t row;
      uint32_t list;
      bool operator<(const Found& other) const {
        return score != other.score ? score > other.score : row < other.row;
      }
    };
    std::vector<std::vector<Found>> nearest;
    AlignedBuffer<float> scores;
  };

  // False: a row cannot be read.
  bool Choose(const Kernels& kernels, const Rotation& rotation, const VectorRows& rows);
  // x: [n, D], the rows from `first` on; lists: [n]
  void Look(const float* x, size_t first, std::span<const uint32_t> lists, Part* part) const;
  // The smallest reach that finds nearly all of what was found.
  float Measure(std::span<const Part> parts, std::span<const ListHead> heads,
                const float* centroids) const;

 private:
  const Kernels* kernels_ = nullptr;
  const Rotation* rotation_ = nullptr;
  size_t columns_ = 0;  // of the product: whole panels
  std::vector<uint32_t> chosen_;
  std::vector<std::vector<float>> rotated_;  // of length 1
  AlignedBuffer<float> packed_, bias_;
};

}  // namespace minnow
