// SPDX-License-Identifier: Apache-2.0
// Labels in all spellings, and score functions; whole classifiers are in
// tests/cli/classify_test.py.
#include "models/heads/classify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Labels(const std::string& id2label, size_t count) {
  const auto labels = ReadLabels("{\"id2label\": " + id2label + "}", "config.json", count);
  EXPECT_TRUE(labels.ok()) << labels.error().message;
  return labels.ok() ? *labels : std::vector<std::string>();
}

TEST(Labels, InAllSpellings) {
  EXPECT_THAT(Labels(R"({"1": "b", "0": "a"})", 2), ElementsAre("a", "b"));
  EXPECT_THAT(Labels(R"(["a", "b"])", 2), ElementsAre("a", "b"));
  EXPECT_THAT(Labels(R"({"0": 1, "1": 2.5, "2": 3.0, "3": false})", 4),
              ElementsAre("1", "2.5", "3", "false"));
  EXPECT_THAT(Labels(R"({"2": "c"})", 3), ElementsAre("LABEL_0", "LABEL_1", "c"));
  EXPECT_THAT(Labels(R"({"0": null})", 1), ElementsAre("LABEL_0"));
  EXPECT_THAT(Labels("null", 2), ElementsAre("LABEL_0", "LABEL_1"));
  EXPECT_THAT(ReadLabels(R"({"num_labels": 1})", "c", 1).value(), ElementsAre("LABEL_0"));
}

TEST(Labels, OfClassesThatAreNotThereAreRefused) {
  for (const char* value :
       {R"({"2": "c"})", R"({"0": "a", "00": "b"})", R"({"x": "a"})", R"({"-1": "a"})",
        R"({"0 ": "a"})", R"({"99999999999999999999": "a"})", R"(["a", "b", "c"])"}) {
    const auto labels = ReadLabels(std::string("{\"id2label\": ") + value + "}", "config.json", 2);
    ASSERT_FALSE(labels.ok()) << value;
    EXPECT_EQ(labels.error().code, Code::kCorrupt);
    EXPECT_THAT(labels.error().message,
                HasSubstr("config.json: id2label: expected ids from 0 to 1, each once"));
  }
  EXPECT_THAT(ReadLabels(R"({"id2label": {"0": []}})", "c", 1).error().message,
              HasSubstr("id2label.0: expected a string or a number"));
}

TEST(ScoreFunctions, AreThoseOfTheirNames) {
  std::vector<float> scores = {1, 3, 2};
  ApplyScoreFunction(ScoreFunction::kNone, scores);
  EXPECT_THAT(scores, ElementsAre(1, 3, 2));
  ApplyScoreFunction(ScoreFunction::kSoftmax, scores);
  EXPECT_NEAR(scores[1], 0.66524096, 1e-6);
  EXPECT_NEAR(scores[0] + scores[1] + scores[2], 1, 1e-6);
  scores = {0, 1000, -1000};
  ApplyScoreFunction(ScoreFunction::kSigmoid, scores);
  EXPECT_THAT(scores, ElementsAre(0.5f, 1, 0));
  scores = {1000, 0};
  ApplyScoreFunction(ScoreFunction::kSoftmax, scores);
  EXPECT_THAT(scores, ElementsAre(1, 0));
}

}  // namespace
}  // namespace minnow
