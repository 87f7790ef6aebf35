// SPDX-License-Identifier: Apache-2.0
// Distances on the edges of buckets, as the reference puts them, and the table made of them.
#include "nn/position_bias.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "kernels/dispatch.h"

namespace minnow {
namespace {

using testing::ElementsAre;

// The distances, going away from the query in steps of `step`, at which another bucket begins.
std::vector<int> Edges(const DistanceBuckets& buckets, int step, int from) {
  std::vector<int> edges;
  for (int d = from; d < 2000; ++d) {
    if (buckets.Of(step * d) != buckets.Of(step * (d - 1))) edges.push_back(d);
  }
  return edges;
}

TEST(DistanceBuckets, OfBothDirections) {
  const DistanceBuckets buckets = {.count = 32};
  for (int d = 0; d < 8; ++d) {
    EXPECT_EQ(buckets.Of(-d), d);
    if (d > 0) EXPECT_EQ(buckets.Of(d), 16 + d);
  }
  EXPECT_THAT(Edges(buckets, 1, 8), ElementsAre(8, 12, 16, 23, 32, 46, 64, 91));
  EXPECT_THAT(Edges(buckets, -1, 8), ElementsAre(8, 12, 16, 23, 32, 46, 64, 91));
  EXPECT_EQ(buckets.Of(-1 << 22), 15);
  EXPECT_EQ(buckets.Of(1 << 22), 31);
}

TEST(DistanceBuckets, OfKeysBeforeTheQueryAlone) {
  const DistanceBuckets buckets = {.count = 32, .bidirectional = false};
  EXPECT_EQ(buckets.Of(5), 0);
  EXPECT_THAT(Edges(buckets, -1, 16),
              ElementsAre(16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113));
  EXPECT_EQ(buckets.Of(-1 << 22), 31);
}

TEST(DistanceBuckets, FewestAndMost) {
  EXPECT_EQ((DistanceBuckets{.count = kMinDistanceBuckets}).Of(-1), 1);
  EXPECT_EQ((DistanceBuckets{.count = kMinDistanceBuckets}).Of(1), 3);
  EXPECT_EQ((DistanceBuckets{.count = 510}).Of(1000), 509);
}

TEST(PositionBias, IsByDistanceFromAnyQueryOn) {
  constexpr size_t kHeads = 3, kTokens = 40;
  const DistanceBuckets buckets = {.count = 8, .max_distance = 20};
  std::vector<float> rows(buckets.count * kHeads);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i);
  const EmbeddingTable table(reinterpret_cast<const std::byte*>(rows.data()), TableType::kF32,
                             buckets.count, kHeads);
  const PositionBias bias(ActiveKernels(), buckets, table, kTokens);
  EXPECT_EQ(bias.bytes() / sizeof(float) / kHeads, bias.stride());
  for (int query : {0, 17, 39}) {
    for (int key = 0; key < static_cast<int>(kTokens); ++key) {
      for (size_t head = 0; head < kHeads; ++head) {
        EXPECT_EQ(bias.From(query)[head * bias.stride() + key],
                  rows[buckets.Of(key - query) * kHeads + head]);
      }
    }
  }
  EXPECT_EQ(PositionBias().From(3), nullptr);
}

}  // namespace
}  // namespace minnow
