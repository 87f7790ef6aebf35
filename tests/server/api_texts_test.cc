// SPDX-License-Identifier: Apache-2.0
// What goes with the texts of a request: prompts, lone surrogates, ids of another vocabulary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

TEST_F(ApiServer, PromptNamesReachTheServiceFromEveryRoute) {
  EXPECT_EQ(Post("/embed", R"({"inputs":"ab"})").status, 200);
  EXPECT_EQ(service_.last_request().prompt.kind, PromptChoice::Kind::kDefault);
  for (const char* path : {"/embed", "/", "/v1/embeddings"}) {
    const std::string field = std::string(path) == "/v1/embeddings" ? "input" : "inputs";
    EXPECT_EQ(Post(path, "{\"" + field + R"(":"ab","prompt_name":"query"})").status, 200);
    EXPECT_EQ(service_.last_request().prompt.kind, PromptChoice::Kind::kNamed);
    EXPECT_EQ(service_.last_request().prompt.value, "query");
    const ClientResponse unknown = Post(path, "{\"" + field + R"(":"ab","prompt_name":"other"})");
    EXPECT_EQ(unknown.status, field == "input" ? 400 : 422);
    EXPECT_THAT(
        unknown.body,
        HasSubstr(R"(prompt_name: \"other\" is not one of this model's: \"query\", \"passage\")"));
  }
  EXPECT_EQ(Post("/tokenize", R"({"inputs":"ab","prompt_name":"query"})").body,
            Post("/tokenize", R"({"inputs":"ask ab"})").body);
  EXPECT_EQ(Post("/tokenize", R"({"inputs":"ab","prompt_name":"other"})").status, 422);
}

TEST_F(ApiServer, LoneSurrogatesAreReplacedInTextsAndRefusedInNames) {
  for (const char* path : {"/embed", "/v1/embeddings"}) {
    const std::string field = std::string(path) == "/embed" ? "inputs" : "input";
    EXPECT_EQ(Post(path, "{\"" + field + R"(":"abc \ud83d"})").status, 200);
    EXPECT_EQ(std::get<std::string>(service_.last_request().inputs[0]), "abc \xEF\xBF\xBD");
  }
  const ClientResponse name = Post("/v1/embeddings", R"({"input":"a","model":"tiny\ud83d"})");
  EXPECT_EQ(name.status, 400);
  EXPECT_THAT(name.body, HasSubstr("lone surrogate"));
}

TEST_F(ApiServer, OpenAiTokenIdsMustBeTheModels) {
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":[[5,6]]})").status, 200);
  EXPECT_FALSE(service_.last_request().foreign_ids);
  EXPECT_EQ(Post("/embed", R"({"inputs":[[5,6]]})").status, 200);
  EXPECT_TRUE(service_.last_request().foreign_ids);
}

}  // namespace
}  // namespace minnow
