// SPDX-License-Identifier: Apache-2.0
#include "models/t5/cache.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace minnow {
namespace {

T5Config SmallConfig() {
  T5Config config;
  config.num_heads = 3;
  config.d_kv = 5;
  config.num_decoder_layers = 2;
  return config;
}

// Whatever moves, no slot is written twice, and histories follow their parents.
TEST(T5Cache, SlotsFollowTheirBeams) {
  constexpr size_t kBeams = 3, kLength = 6;
  T5Cache cache(SmallConfig(), /*input_tokens=*/4, kLength, kBeams);
  std::vector<std::vector<uint32_t>> expected(kBeams);
  std::set<uint32_t> written;
  const std::vector<std::vector<uint32_t>> moves = {
      {0, 0, 0}, {2, 1, 0}, {1, 1, 1}, {0, 2}, {2, 2, 0}};
  for (size_t t = 0; t < kLength; ++t) {
    for (uint32_t beam = 0; beam < kBeams; ++beam) {
      const auto slot = static_cast<uint32_t>(cache.NextSlot(beam));
      EXPECT_TRUE(written.insert(slot).second);
      EXPECT_LT(slot, kLength * kBeams);
      expected[beam].push_back(slot);
      const uint32_t* slots = cache.SlotsWithNext(beam);
      EXPECT_EQ(std::vector<uint32_t>(slots, slots + t + 1), expected[beam]);
    }
    cache.Advance(t + 1);
    if (t == moves.size()) break;
    cache.Reorder(moves[t]);
    auto moved = expected;
    for (size_t beam = 0; beam < moves[t].size(); ++beam) moved[beam] = expected[moves[t][beam]];
    if (moves[t].size() < kBeams) {  // a beam ended; it comes back as another's double
      cache.Reorder(std::vector<uint32_t>{0, 1, 0});
      moved[2] = moved[0];
    }
    expected = moved;
  }
}

TEST(T5Cache, OneBeamNeedsNoSlots) {
  T5Cache cache(SmallConfig(), 4, 6, 1);
  EXPECT_EQ(cache.SlotsWithNext(0), nullptr);
  EXPECT_EQ(cache.NextSlot(0), 0u);
  cache.Advance(1);
  EXPECT_EQ(cache.NextSlot(0), 1u);
}

TEST(T5Cache, LayersLieApart) {
  constexpr size_t kInput = 4, kLength = 6, kBeams = 2;
  const T5Config config = SmallConfig();
  T5Cache cache(config, kInput, kLength, kBeams);
  const size_t floats = config.inner();
  for (size_t layer = 0; layer < 2; ++layer) {
    const T5Cache::Layer cross = cache.cross(layer), self = cache.self(layer);
    EXPECT_EQ(cross.head_stride, kInput * 5);
    EXPECT_EQ(self.head_stride, kLength * kBeams * 5);
    EXPECT_EQ(cross.values, cross.keys + floats * kInput);
    EXPECT_EQ(self.values, self.keys + floats * kLength * kBeams);
    // To the last float of the last layer.
    cross.values[floats * kInput - 1] = 1;
    self.values[floats * kLength * kBeams - 1] = 1;
  }
  EXPECT_EQ(cache.cross(1).keys, cache.cross(0).values + floats * kInput);
  EXPECT_EQ(T5Cache::Bytes(config, kInput, kLength, kBeams),
            2 * 2 * floats * (kInput + kLength * kBeams) * sizeof(float) +
                2 * kLength * kBeams * sizeof(uint32_t));
}

}  // namespace
}  // namespace minnow
