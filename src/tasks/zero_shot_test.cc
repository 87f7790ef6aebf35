// SPDX-License-Identifier: Apache-2.0
#include "tasks/zero_shot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace minnow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ZeroShot, FindsEntailment) {
  EXPECT_EQ(FindEntailment({"contradiction", "neutral", "entailment"}), 2u);
  EXPECT_EQ(FindEntailment({"ENTAILS", "no"}), 0u);
  EXPECT_EQ(FindEntailment({"not_entailment", "Entailment"}), 1u);
  EXPECT_EQ(FindEntailment({"de", "it", "entai"}), std::nullopt);
  EXPECT_EQ(FindEntailment({"entailment"}), std::nullopt) << "a reranker";
}

TEST(ZeroShot, SplitsLabels) {
  EXPECT_THAT(SplitLabels(" a,b c ,, \t,d"), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(SplitLabels(""), IsEmpty());
  EXPECT_THAT(SplitLabels(" , "), IsEmpty());
}

TEST(ZeroShot, MakesHypotheses) {
  EXPECT_THAT(*MakeHypotheses("It is {}.", {"a", "{}"}, "labels"),
              ElementsAre("It is a.", "It is {}."));
  EXPECT_THAT(*MakeHypotheses("{{{0}}} {}", {"a"}, "labels"), ElementsAre("{a} a"));
  for (const char* text : {"", "none", "{{}}", "{", "}", "{} }", "{label}", "{1}", "{:>9}"}) {
    const auto made = MakeHypotheses(text, {"a"}, "labels");
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_THAT(made.error().message, HasSubstr("hypothesis_template")) << text;
  }
  EXPECT_EQ(MakeHypotheses("{}", {}, "labels").error().message, "labels: must not be empty");
  const std::vector<std::string> many(1001);
  EXPECT_EQ(MakeHypotheses("{}", many, "labels").error().message,
            "labels: 1001 labels, limit 1000");
  std::string braces;
  for (int i = 0; i < 10'000; ++i) braces += "{}";
  EXPECT_THAT(MakeHypotheses(braces, {std::string(10'000, 'x')}, "labels").error().message,
              HasSubstr("bytes together"));
}

TEST(ZeroShot, Scores) {
  const float raw[] = {0, 9, 1, 2, 9, 3};  // contradiction, neutral, entailment
  const double e = std::exp(1.0);
  const std::vector<float> one_of = ZeroShotScores(raw, 3, 2, false);
  EXPECT_NEAR(one_of[0], 1 / (1 + e * e), 1e-6);
  EXPECT_NEAR(one_of[1], e * e / (1 + e * e), 1e-6);
  const std::vector<float> each = ZeroShotScores(raw, 3, 2, true);
  EXPECT_NEAR(each[0], e / (1 + e), 1e-6);
  EXPECT_NEAR(each[1], e / (1 + e), 1e-6);
  // One label is told by itself; entailment first has contradiction last.
  EXPECT_NEAR(ZeroShotScores(std::span(raw).first(3), 3, 2, false)[0], e / (1 + e), 1e-6);
  EXPECT_NEAR(ZeroShotScores(std::span(raw).first(3), 3, 0, false)[0], 1 / (1 + e), 1e-6);
}

}  // namespace
}  // namespace minnow
