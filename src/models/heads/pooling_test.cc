// SPDX-License-Identifier: Apache-2.0
#include "models/heads/pooling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/dispatch.h"

namespace minnow {
namespace {

// Three tokens of two channels, a stride of three.
const std::vector<float> kHidden = {1, -4, 99, 2, -5, 99, 6, -3, 99};

std::vector<float> PoolWith(Pooling pooling, size_t tokens) {
  std::vector<float> out(2, NAN);
  Pool(ActiveKernels(), pooling, {kHidden.data(), 3}, tokens, 2, out.data());
  return out;
}

TEST(PoolingTest, EachMode) {
  EXPECT_EQ(PoolWith(Pooling::kCls, 3), (std::vector<float>{1, -4}));
  EXPECT_EQ(PoolWith(Pooling::kLastToken, 3), (std::vector<float>{6, -3}));
  EXPECT_EQ(PoolWith(Pooling::kMax, 3), (std::vector<float>{6, -3}));
  EXPECT_EQ(PoolWith(Pooling::kMean, 3), (std::vector<float>{3, -4}));
  const auto sqrt_len = PoolWith(Pooling::kMeanSqrtLen, 3);
  EXPECT_FLOAT_EQ(sqrt_len[0], 9 / std::sqrt(3.0f));
  EXPECT_FLOAT_EQ(sqrt_len[1], -12 / std::sqrt(3.0f));
}

TEST(PoolingTest, OneToken) {
  for (Pooling pooling :
       {Pooling::kCls, Pooling::kLastToken, Pooling::kMax, Pooling::kMean, Pooling::kMeanSqrtLen}) {
    EXPECT_EQ(PoolWith(pooling, 1), (std::vector<float>{1, -4})) << PoolingName(pooling);
  }
}

}  // namespace
}  // namespace minnow
