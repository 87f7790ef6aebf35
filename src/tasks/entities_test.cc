// SPDX-License-Identifier: Apache-2.0
// Words and entities of made-up scores; what transformers' pipeline makes of models' scores is in
// tests/golden/token_heads_test.cc.
#include "tasks/entities.h"

#include <gtest/gtest.h>

#include <fstream>

namespace minnow {
namespace {

const std::vector<std::string> kLabels = {"O", "B-PER", "I-PER", "LOC"};

class EntitiesTest : public testing::Test {
 protected:
  EntitiesTest() {
    const std::string path =
        std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/uncased.json";
    std::ifstream in(path, std::ios::binary);
    tokenizer_ =
        Tokenizer::FromJson(std::string(std::istreambuf_iterator<char>(in), {}), path).value();
  }

  // One window after the other, whose tokens get these labels, the special ones none.
  std::vector<Entity> Find(const std::string& text, size_t max_tokens, size_t stride,
                           const std::vector<std::vector<int>>& labels, Aggregation how) {
    ScoredText scored;
    scored.text = text;
    scored.windows = tokenizer_->EncodeWindows(
        text, nullptr, {.want_offsets = true, .max_tokens = max_tokens}, {.stride = stride});
    EXPECT_EQ(scored.windows.size(), labels.size());
    std::vector<float> scores;
    for (const auto& window : labels) {
      for (size_t i = 0; i < window.size() + 2; ++i) {
        std::vector<float> row(kLabels.size());
        if (i > 0 && i <= window.size())
          row[static_cast<size_t>(window[i - 1])] = 5.0f + static_cast<float>(i);
        scores.insert(scores.end(), row.begin(), row.end());
      }
    }
    return FindEntities(*tokenizer_, kLabels, scored, scores, {.aggregation = how});
  }

  std::unique_ptr<const Tokenizer> tokenizer_;
};

std::string Shown(const std::vector<Entity>& entities) {
  std::string text;
  for (const Entity& one : entities) {
    text += one.label + "(" + one.word + ")" + std::to_string(one.start) + "-" +
            std::to_string(one.end) + " ";
  }
  return text;
}

TEST_F(EntitiesTest, BeginningsAndGoingOn) {
  const auto find = [&](const std::vector<int>& labels) {
    return Shown(Find("the quick fox jumps", 20, 0, {labels}, Aggregation::kSimple));
  };
  EXPECT_EQ(find({0, 0, 0, 0}), "");
  EXPECT_EQ(find({1, 2, 2, 0}), "PER(the quick fox)0-13 ");
  EXPECT_EQ(find({1, 1, 2, 2}), "PER(the)0-3 PER(quick fox jumps)4-19 ");
  EXPECT_EQ(find({2, 3, 3, 2}), "PER(the)0-3 LOC(quick fox)4-13 PER(jumps)14-19 ");
}

TEST_F(EntitiesTest, WordsGetOneLabel) {
  // "em" "##bed" "##ding": the last token's score is the highest.
  const std::string text = "embedding";
  const auto tokens = tokenizer_->Encode(text, {}).ids.size() - 2;
  ASSERT_GE(tokens, 2u);
  std::vector<int> labels(tokens, 3);
  labels[0] = 1;
  EXPECT_EQ(Shown(Find(text, 20, 0, {labels}, Aggregation::kFirst)), "PER(embedding)0-9 ");
  EXPECT_EQ(Shown(Find(text, 20, 0, {labels}, Aggregation::kMax)), "LOC(embedding)0-9 ");
}

TEST_F(EntitiesTest, WindowsThatOverlap) {
  // Windows of 3 tokens that share 2: "the quick fox", "quick fox jumps".
  EXPECT_EQ(Shown(Find("the quick fox jumps", 5, 2, {{0, 1, 2}, {1, 2, 2}}, Aggregation::kSimple)),
            "PER(quick fox jumps)4-19 ");
  EXPECT_EQ(Shown(Find("the quick fox jumps", 5, 2, {{1, 0, 3}, {0, 3, 0}}, Aggregation::kSimple)),
            "PER(the)0-3 LOC(fox)10-13 ");
}

TEST(Aggregations, Names) {
  EXPECT_EQ(ParseAggregation("none"), Aggregation::kNone);
  EXPECT_EQ(ParseAggregation("max"), Aggregation::kMax);
  EXPECT_EQ(ParseAggregation("Max"), std::nullopt);
  EXPECT_EQ(ParseAggregation(""), std::nullopt);
}

}  // namespace
}  // namespace minnow
