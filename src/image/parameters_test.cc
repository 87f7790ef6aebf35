// SPDX-License-Identifier: Apache-2.0
// Expected values are those of the A1111 web UI's parse_generation_parameters.
#include "image/parameters.h"

#include <gtest/gtest.h>

#include <string>

namespace minnow {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

TEST(GenerationText, WritesWhatTheWebUiWrites) {
  const GenerationText text = {
      "a fish,\nat night",
      "blurry",
      {{"Steps", "20"}, {"Sampler", "Euler a"}, {"Size", "512x512"}, {"Model", "a: b, c"}}};
  EXPECT_EQ(WriteGenerationText(text),
            "a fish,\nat night\nNegative prompt: blurry\n"
            "Steps: 20, Sampler: Euler a, Size: 512x512, Model: \"a: b, c\"");
  EXPECT_EQ(WriteGenerationText({"a fish", "", {{"Steps", "1"}}}), "a fish\nSteps: 1");
  EXPECT_EQ(WriteGenerationText({"a fish", "", {}}), "a fish");
}

TEST(GenerationText, ReadsBackWhatWasWritten) {
  const GenerationText text = {"a fish, (deep:1.2)\nat night",
                               "blurry\nbad: very",
                               {{"Steps", "20"},
                                {"CFG scale", "7.5"},
                                {"Quoted", "say \"x\", \\ and\n\ttab\x01"},
                                {"Plain quote", "5\" wide"},
                                {"Non-ASCII", "\u5c0f, \U0001f41f"},
                                {"Denoising strength", "0.75"}}};
  const GenerationText back = ParseGenerationText(WriteGenerationText(text));
  EXPECT_EQ(back.prompt, text.prompt);
  EXPECT_EQ(back.negative_prompt, text.negative_prompt);
  EXPECT_EQ(back.fields, text.fields);
  ASSERT_NE(back.Find("Steps"), nullptr);
  EXPECT_EQ(*back.Find("Steps"), "20");
  EXPECT_EQ(back.Find("steps"), nullptr);
}

TEST(GenerationText, ALastLineWithFewFieldsIsAPrompt) {
  const GenerationText text = ParseGenerationText("a fish\nSteps: 20, Seed: 1");
  EXPECT_EQ(text.prompt, "a fish\nSteps: 20, Seed: 1");
  EXPECT_TRUE(text.fields.empty());
  const GenerationText alone = ParseGenerationText("Steps: 20, Seed: 1, Size: 8x8");
  EXPECT_EQ(alone.prompt, "");
  EXPECT_EQ(alone.fields, (Fields{{"Steps", "20"}, {"Seed", "1"}, {"Size", "8x8"}}));
}

TEST(GenerationText, JsonEscapesAndWhatIsNone) {
  const auto value = [](const std::string& written) {
    const auto text = ParseGenerationText("Aa: 1, Bb: 2, Vv: " + written + ", Zz: 3");
    return text.Find("Vv") == nullptr ? "?" : *text.Find("Vv");
  };
  EXPECT_EQ(value("\"a\\u00e9\\ud83d\\udc1f\""), "a\u00e9\U0001f41f");
  EXPECT_EQ(value("\"a\\ud83d\""), "a\uFFFD");
  EXPECT_EQ(value("\"a\\qb\""), "\"a\\qb\"");
  EXPECT_EQ(value("\"a\\u12\""), "\"a\\u12\"");
  EXPECT_EQ(value("\"open"), "\"open");
  EXPECT_EQ(value("\"a\" b"), "\"a\" b");
  EXPECT_EQ(value("\"\""), "");
  EXPECT_EQ(value(""), "");
  EXPECT_EQ(value("a: b"), "a: b");
}

TEST(GenerationText, OddTexts) {
  for (const std::string text : {"", "\n", "\n\n\n", ":", "a:", "\"", "\\", ",,,",
                                 "Negative prompt:", "Aa: \"\\", "Aa: \"x\\"}) {
    const GenerationText parsed = ParseGenerationText(text);
    EXPECT_TRUE(parsed.fields.empty()) << text;
  }
  EXPECT_EQ(ParseGenerationText("  a \n Negative prompt:  b \n c").negative_prompt, "b\nc");
}

}  // namespace
}  // namespace minnow
