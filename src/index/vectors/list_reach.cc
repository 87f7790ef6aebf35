// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/list_reach.h"

#include <cstring>

namespace minnow {
namespace {

// Rows that ask: more of them where there are many rows, so that the hundredth part of what they
// find is not the luck of one of them; fewer where they would take most of the building time.
constexpr size_t kFewestQueries = 2 * kPanelColumns, kMostQueries = 8 * kPanelColumns;
constexpr size_t kRowsOfQuery = 1024;
// As a search for 10 does: it keeps 30 and must find the 10.
constexpr size_t kKept = 30;
constexpr size_t kWanted = 10;
// Of the wanted rows, so many may lie beyond.
constexpr double kMissed = 0.01;
// What a sample may be wrong by: one of kEnoughQueries, and by how much more one of half as many.
// (Queries that are like no row need more than rows do; where rows are few, it costs little.)
constexpr float kMargin = 1.08f;
constexpr float kMarginOfHalf = 0.32f;
constexpr size_t kEnoughQueries = 4 * kPanelColumns;
constexpr float kSmallest = 0.4f;
constexpr float kLargest = 16.0f;

size_t QueriesFor(size_t rows) {
  const size_t panels = rows / (kRowsOfQuery * kPanelColumns);
  return std::clamp(panels * kPanelColumns, kFewestQueries, kMostQueries);
}

float MarginFor(size_t queries) {
  if (queries >= kEnoughQueries) return kMargin;
  const float times = static_cast<float>(kEnoughQueries) / static_cast<float>(queries);
  return kMargin + kMarginOfHalf * (times - 1);
}

}  // namespace

bool ReachSample::Choose(const Kernels& kernels, const Rotation& rotation, const VectorRows& rows) {
  kernels_ = &kernels;
  rotation_ = &rotation;
  const size_t dimensions = rotation.dimensions();
  columns_ = QueriesFor(rows.size());
  std::vector<float> units(columns_ * dimensions);
  for (size_t i = 0; i < std::min(columns_, rows.size()); ++i) {
    // Halfway between the rows that an evenly spaced sample takes.
    chosen_.push_back(static_cast<uint32_t>((2 * i + 1) * rows.size() / (2 * columns_)));
    float* unit = &units[i * dimensions];
    const float* row = rows.Get(chosen_.back(), unit);
    if (row == nullptr) return false;
    if (row != unit) std::memcpy(unit, row, dimensions * sizeof(float));
    const float length = std::sqrt(Dot(*kernels.scan, unit, unit, dimensions));
    for (size_t d = 0; d < dimensions && length > 0; ++d) unit[d] /= length;
    rotated_.emplace_back(rotation.padded());
    rotation.Apply(*kernels.scan, unit, rotated_.back().data());
  }
  packed_ = AlignedBuffer<float>(columns_ * dimensions);
  bias_ = AlignedBuffer<float>(columns_);
  kernels.pack_f32(units.data(), columns_, dimensions, packed_.data());
  return true;
}

void ReachSample::Look(const float* x, size_t first, std::span<const uint32_t> lists,
                       Part* part) const {
  const size_t dimensions = rotation_->dimensions(), n = lists.size();
  part->nearest.resize(chosen_.size());
  if (part->scores.size() < n * columns_) part->scores = AlignedBuffer<float>(n * columns_);
  const MatmulF32 product = {.x = x,
                             .x_stride = dimensions,
                             .w = packed_.data(),
                             .bias = bias_.data(),
                             .residual = nullptr,
                             .residual_stride = 0,
                             .y = part->scores.data(),
                             .y_stride = columns_,
                             .rows = n,
                             .inner = dimensions,
                             .columns = columns_,
                             .activation = kMatmulNone};
  kernels_->matmul_f32(&product);
  for (size_t q = 0; q < chosen_.size(); ++q) {
    std::vector<Part::Found>& nearest = part->nearest[q];
    for (size_t i = 0; i < n; ++i) {
      const float score = part->scores[i * columns_ + q];
      if (nearest.size() == kKept && !(score >= nearest.back().score)) continue;
      if (first + i == chosen_[q]) continue;
      const Part::Found found = {score, static_cast<uint32_t>(first + i), lists[i]};
      nearest.insert(std::upper_bound(nearest.begin(), nearest.end(), found), found);
      if (nearest.size() > kKept) nearest.pop_back();
    }
  }
}

float ReachSample::Measure(std::span<const Part> parts, std::span<const ListHead> heads,
                           const float* centroids) const {
  std::vector<float> needed;
  for (size_t q = 0; q < chosen_.size(); ++q) {
    std::vector<Part::Found> nearest;
    for (const Part& part : parts) {
      if (part.nearest.empty()) continue;
      nearest.insert(nearest.end(), part.nearest[q].begin(), part.nearest[q].end());
    }
    std::sort(nearest.begin(), nearest.end());
    if (nearest.size() < kKept) continue;
    const float threshold = nearest[kKept - 1].score;
    for (size_t i = 0; i < kWanted; ++i) {
      const ListHead& head = heads[nearest[i].list];
      const float dot = Dot(*kernels_->scan, rotated_[q].data(),
                            centroids + nearest[i].list * rotation_->padded(), rotation_->padded());
      if (threshold <= dot) {
        needed.push_back(0);
      } else {
        needed.push_back(std::min((threshold - dot) / head.spread, kLargest));
      }
    }
  }
  if (needed.empty()) return kLargest;
  std::sort(needed.begin(), needed.end());
  const auto missed = static_cast<size_t>(kMissed * static_cast<double>(needed.size()));
  return std::clamp(MarginFor(columns_) * needed[needed.size() - 1 - missed], kSmallest, kLargest);
}

}  // namespace minnow
