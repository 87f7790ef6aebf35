// SPDX-License-Identifier: Apache-2.0
#include "diffusion/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace minnow {
namespace {

std::vector<float> Drawn(uint64_t seed, size_t size) {
  TorchGenerator generator(seed);
  std::vector<float> values(size);
  generator.Normal(values);
  return values;
}

// torch.randn(size, generator=torch.Generator().manual_seed(7)); all bits of many more are in
// tests/golden/diffusion_noise.json.
TEST(TorchGenerator, DrawsAsTorchDoes) { EXPECT_EQ(Drawn(7, 192)[0], -0x1.a3e8acp-1f); }

TEST(TorchGenerator, TakesTheLowBitsOfASeed) {
  EXPECT_EQ(Drawn(5, 40), Drawn((uint64_t{1} << 40) + 5, 40));
  EXPECT_NE(Drawn(5, 40), Drawn(6, 40));
}

TEST(TorchGenerator, FewerValuesAreNoBeginningOfMore) {
  const auto twenty = Drawn(7, 20);
  const auto many = Drawn(7, 32);
  EXPECT_TRUE(std::equal(many.begin(), many.begin() + 4, twenty.begin()));
  EXPECT_NE(twenty[4], many[4]);
  EXPECT_NE(Drawn(7, 15)[0], many[0]);
}

TEST(TorchGenerator, KeepsTheSecondOfAPair) {
  TorchGenerator generator(7);
  std::vector<float> one(1), block(16), two(2);
  generator.Normal(one);
  generator.Normal(block);  // leaves what is kept alone
  generator.Normal(two);
  const auto pair = Drawn(7, 2);
  EXPECT_EQ(one[0], pair[0]);
  EXPECT_EQ(two[0], pair[1]);
}

TEST(TorchGenerator, ValuesAreFiniteAndNormal) {
  double sum = 0, squares = 0;
  const auto values = Drawn(123, 100003);
  for (const float value : values) {
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(sum / 100003, 0, 0.02);
  EXPECT_NEAR(squares / 100003, 1, 0.02);
}

TEST(TorchGenerator, NothingIsDrawnOfNothing) {
  TorchGenerator generator(7);
  std::vector<float> none, values(16);
  generator.Normal(none);
  generator.Normal(values);
  EXPECT_EQ(values, Drawn(7, 16));
}

TEST(PictureNoise, OneSeedFillsTheWholeTensor) {
  const std::vector<uint64_t> seeds{9};
  auto noise = PictureNoise::Make(seeds);
  ASSERT_TRUE(noise.ok());
  std::vector<float> values(72);
  noise->Fill(values);
  EXPECT_EQ(values, Drawn(9, 72));
}

TEST(PictureNoise, ManySeedsAreEachAsAlone) {
  const std::vector<uint64_t> seeds{9, 4};
  auto noise = PictureNoise::Make(seeds);
  ASSERT_TRUE(noise.ok());
  std::vector<float> values(48);
  noise->Fill(values);
  const auto first = Drawn(9, 24);
  const auto second = Drawn(4, 24);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), values.begin()));
  EXPECT_TRUE(std::equal(second.begin(), second.end(), values.begin() + 24));
}

TEST(PictureNoise, NeedsASeed) { EXPECT_FALSE(PictureNoise::Make({}).ok()); }

}  // namespace
}  // namespace minnow
