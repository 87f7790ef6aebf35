// SPDX-License-Identifier: Apache-2.0
// AlternatingMaps: two buffers for a chain of maps of which each is made of the one before.
//
// How large the two must be, a pass that only plans finds out (RunWithAlternatingMaps), so that
// nothing is said twice.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/check.h"
#include "nn/image_ops.h"

namespace minnow {

using AlternatingSizes = std::array<size_t, 2>;  // bytes

class AlternatingMaps {
 public:
  // Measures: maps have no data.
  AlternatingMaps() = default;
  AlternatingMaps(Arena& arena, const AlternatingSizes& sizes)
      : measuring_(false), sizes_(sizes), buffers_{arena.Take(sizes[0]), arena.Take(sizes[1])} {}

  // Takes the place of the map before the last.
  FeatureMap Next(Dtype type, size_t images, size_t height, size_t width, size_t channels) {
    FeatureMap map = {nullptr, type, images, height, width, channels};
    const size_t turn = count_++ % 2;
    if (measuring_) sizes_[turn] = std::max(sizes_[turn], map.bytes());
    CHECK(map.bytes() <= sizes_[turn]);
    map.data = buffers_[turn];
    return map;
  }
  // Of the same size as x, but for the channels.
  FeatureMap Like(const FeatureMap& x, size_t channels) {
    return Next(x.type, x.images, x.height, x.width, channels);
  }

  const AlternatingSizes& sizes() const { return sizes_; }

 private:
  bool measuring_ = true;
  AlternatingSizes sizes_ = {};
  std::array<std::byte*, 2> buffers_ = {};
  size_t count_ = 0;
};

// pass: (ImageOps&, AlternatingMaps&); runs it twice, once to plan. What it takes of the arena is
// free again afterwards.
template <class Pass>
void RunWithAlternatingMaps(ImageOps& ops, const Pass& pass) {
  AlternatingMaps measured;
  {
    Arena nothing;
    ImageOps plan(ops.kernels(), ops.type(), /*pool=*/nullptr, nothing, /*stop=*/nullptr);
    pass(plan, measured);
  }
  const ArenaScope scope(ops.arena());
  AlternatingMaps maps(ops.arena(), measured.sizes());
  pass(ops, maps);
}

}  // namespace minnow
