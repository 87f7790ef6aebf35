// SPDX-License-Identifier: Apache-2.0
// Which prompt is taken, over all choices and kinds of models.
#include "tasks/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minnow {
namespace {

using Kind = PromptChoice::Kind;

TEST(Prompt, AsSentenceTransformersChooses) {
  const PromptSet none;
  const PromptSet e5 = {{{"query", "query: "}, {"passage", "passage: "}}, "", true};
  const PromptSet both = {{{"corpus", "c"}, {"passage", "p"}, {"document", "d"}}, "passage", true};
  struct Case {
    const PromptSet& prompts;
    Kind kind;
    const char* text;
  };
  const Case cases[] = {
      {none, Kind::kDefault, ""},    {none, Kind::kQuery, ""},
      {none, Kind::kDocument, ""},   {e5, Kind::kDefault, ""},
      {e5, Kind::kQuery, "query: "}, {e5, Kind::kDocument, "passage: "},
      {both, Kind::kDefault, "p"},   {both, Kind::kDocument, "d"},
      {both, Kind::kQuery, ""},  // not the default, which is for texts of no known role
  };
  for (const Case& c : cases) {
    EXPECT_EQ(FindPrompt(c.prompts, {c.kind, ""}).value(), c.text);
  }
}

TEST(Prompt, UnknownNamesAreRefusedWithThoseThatAreKnown) {
  PromptSet prompts;
  EXPECT_EQ(FindPrompt(prompts, {Kind::kNamed, "query"}).error().message,
            R"(prompt_name: "query": this model has no prompts)");
  for (int i = 0; i < 30; ++i) prompts.named.emplace_back("p" + std::to_string(i), "x");
  const std::string message = FindPrompt(prompts, {Kind::kNamed, "a\nb"}).error().message;
  EXPECT_TRUE(
      message.starts_with(R"(prompt_name: "a\nb" is not one of this model's: "p0", "p1", )"))
      << message;
  EXPECT_TRUE(message.ends_with(R"("p19", ...)")) << message;
}

}  // namespace
}  // namespace minnow
