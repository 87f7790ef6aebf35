// SPDX-License-Identifier: Apache-2.0
#include "diffusion/guidance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace minnow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FirstStep, TruncatesInDouble) {
  EXPECT_EQ(*FirstStep(50, 0.8), 10);
  EXPECT_EQ(*FirstStep(50, 0.58), 22);   // 28.999999999999996
  EXPECT_EQ(*FirstStep(100, 0.29), 72);  // 28.999999999999996
  EXPECT_EQ(*FirstStep(8, 0.75), 2);
  EXPECT_EQ(*FirstStep(1, 1), 0);
  EXPECT_EQ(*FirstStep(1000000000, 1), 0);
}

TEST(FirstStep, TheWebUiRunsOneMore) {
  EXPECT_EQ(*FirstStep(50, 0.8, StrengthRule::kWebUi), 9);
  EXPECT_EQ(*FirstStep(50, 1, StrengthRule::kWebUi), 0);
  EXPECT_EQ(*FirstStep(20, 0, StrengthRule::kWebUi), 19);
  EXPECT_EQ(*FirstStep(2000, 1, StrengthRule::kWebUi), 1);  // 0.999 of them, and one
}

TEST(FirstStep, RefusesWhatRunsNothing) {
  EXPECT_THAT(FirstStep(4, 0.2).error().message, HasSubstr("steps * strength"));
  EXPECT_THAT(FirstStep(50, 0).error().message, HasSubstr("strength"));
  for (const double strength : {-0.1, 1.1, std::nan(""), double{INFINITY}, -double{INFINITY}}) {
    EXPECT_THAT(FirstStep(50, strength).error().message, HasSubstr("strength"));
    EXPECT_THAT(FirstStep(50, strength, StrengthRule::kWebUi).error().message,
                HasSubstr("strength"));
  }
  for (const int64_t steps : {int64_t{0}, int64_t{-5}, INT64_MAX}) {
    EXPECT_THAT(FirstStep(steps, 0.5).error().message, HasSubstr("steps"));
  }
}

TEST(Guide, GoesFromOneThroughTheOther) {
  const std::vector<float> without{1, -2, 0.5f};
  std::vector<float> with{3, -2, 0};
  Guide(without, with, 7.5f, with);
  EXPECT_THAT(with, ElementsAre(16, -2, -3.25f));
  EXPECT_FALSE(HasGuidance(1));
  EXPECT_FALSE(HasGuidance(0));
  EXPECT_TRUE(HasGuidance(7.5));
  EXPECT_FALSE(HasGuidance(std::nan("")));
}

TEST(BlendMask, OneMaskServesAllPictures) {
  const std::vector<float> mask{0, 1, 0.25f};
  const std::vector<float> original(12, 8.0f);
  std::vector<float> latents(12, 4.0f);
  BlendMask(mask, original, 2, 2, latents);
  for (size_t plane = 0; plane < 4; ++plane) {
    EXPECT_EQ(latents[plane * 3], 8);
    EXPECT_EQ(latents[plane * 3 + 1], 4);
    EXPECT_EQ(latents[plane * 3 + 2], 7);
  }
}

TEST(BlendMask, OrEachHasItsOwn) {
  const std::vector<float> mask{1, 1, 0, 0};
  const std::vector<float> original(8, 8.0f);
  std::vector<float> latents(8, 4.0f);
  BlendMask(mask, original, 2, 2, latents);
  EXPECT_THAT(latents, ElementsAre(4, 4, 4, 4, 8, 8, 8, 8));
}

}  // namespace
}  // namespace minnow
