// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/list_reach.h"

#include <cstring>

namespace minnow {
namespace {

constexpr size_t kQueries = 2 * kPanelColumns;
// As a search for 10 does: it keeps 30 and must find the 10.
constexpr size_t kKept = 30;
constexpr size_t kWanted = 10;
// Of the wanted rows, so many may lie beyond.
constexpr double kMissed = 0.01;
constexpr float kSmallest = 0.48f;
constexpr float kLargest = 16.0f;

}  // namespace

bool ReachSample::Choose(const Kernels& kernels, const Rotation& rotation, const VectorRows& rows) {
  kernels_ = &kernels;
  rotation_ = &rotation;
  const size_t dimensions = rotation.dimensions();
  std::vector<float> units(kQueries * dimensions);
  for (size_t i = 0; i < std::min(kQueries, rows.size()); ++i) {
    // Halfway between the rows that an evenly spaced sample takes.
    chosen_.push_back(static_cast<uint32_t>((2 * i + 1) * rows.size() / (2 * kQueries)));
    float* unit = &units[i * dimensions];
    const float* row = rows.Get(chosen_.back(), unit);
    if (row == nullptr) return false;
    if (row != unit) std::memcpy(unit, row, dimensions * sizeof(float));
    const float length = std::sqrt(Dot(*kernels.scan, unit, unit, dimensions));
    for (size_t d = 0; d < dimensions && length > 0; ++d) unit[d] /= length;
    rotated_.emplace_back(rotation.padded());
    rotation.Apply(*kernels.scan, unit, rotated_.back().data());
  }
  packed_ = AlignedBuffer<float>(kQueries * dimensions);
  bias_ = AlignedBuffer<float>(kQueries);
  kernels.pack_f32(units.data(), kQueries, dimensions, packed_.data());
  return true;
}

void ReachSample::Look(const float* x, size_t first, std::span<const uint32_t> lists,
                       Part* part) const {
  const size_t dimensions = rotation_->dimensions(), n = lists.size();
  part->nearest.resize(chosen_.size());
  if (part->scores.size() < n * kQueries) part->scores = AlignedBuffer<float>(n * kQueries);
  const MatmulF32 product = {.x = x,
                             .x_stride = dimensions,
                             .w = packed_.data(),
                             .bias = bias_.data(),
                             .residual = nullptr,
                             .residual_stride = 0,
                             .y = part->scores.data(),
                             .y_stride = kQueries,
                             .rows = n,
                             .inner = dimensions,
                             .columns = kQueries,
                             .activation = kMatmulNone};
  kernels_->matmul_f32(&product);
  for (size_t q = 0; q < chosen_.size(); ++q) {
    std::vector<Part::Found>& nearest = part->nearest[q];
    for (size_t i = 0; i < n; ++i) {
      const float score = part->scores[i * kQueries + q];
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
      const float unit_reach = ListPotential(dot, head, 1) - dot;
      if (threshold <= dot) {
        needed.push_back(0);
      } else {
        needed.push_back(std::min((threshold - dot) / unit_reach, kLargest));
      }
    }
  }
  if (needed.empty()) return kLargest;
  std::sort(needed.begin(), needed.end());
  const auto missed = static_cast<size_t>(kMissed * static_cast<double>(needed.size()));
  return std::clamp(needed[needed.size() - 1 - missed], kSmallest, kLargest);
}

}  // namespace minnow
