// SPDX-License-Identifier: Apache-2.0
// What goes with the texts of a request: prompts, lone surrogates, ids of another vocabulary, that
// they were cut; and which model and routes there are to ask.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(ApiServer, InfoOfTheModelThatIsNamed) {
  ASSERT_TRUE(
      service_.models().Add(std::make_unique<FakeModel>(FakeModel::Facts("wide"), nullptr)).ok());
  EXPECT_THAT(GetPath("/info").body, HasSubstr(R"("model_id":"tiny")"));
  EXPECT_THAT(GetPath("/info?model=wide").body, HasSubstr(R"("model_id":"wide")"));
  const ClientResponse unknown = GetPath("/info?model=other");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr(R"(only \"tiny\", \"wide\")"));
}

TEST_F(ApiServer, TruncatedInputsAreCounted) {
  for (const char* path : {"/v1/embeddings", "/embed"}) {
    const std::string body = R"({"inputs":["ab","c"],"input":["ab","c"]})";
    EXPECT_EQ(Post(path, body).headers.count("x-truncated-inputs"), 0u);
    service_.set_hold(true);
    SocketClient client(server_->port());
    client.Send(PostJson(path, body));
    auto held = service_.TakeHeld();
    ASSERT_NE(held, nullptr);
    EmbedAnswer answer;
    answer.vectors = {1, 0, 0, 0, 1, 0, 0, 0};
    answer.tokens = {2, 2};
    answer.truncated = 1;
    held->done(std::move(answer));
    EXPECT_EQ(client.Read().headers.at("x-truncated-inputs"), "1") << path;
    service_.set_hold(false);
  }
}

TEST_F(ApiServer, RoutesThatNeedAFlagNameIt) {
  for (const char* path : {"/indexes", "/indexes/docs/search?q=a", "/tasks"}) {
    EXPECT_EQ(GetPath(path).status, 404) << path;
    EXPECT_THAT(GetPath(path).body, HasSubstr("start the server with --index")) << path;
    EXPECT_THAT(Post(path, "{}").body, HasSubstr(R"("code":"not_found")")) << path;
  }
  for (const char* path : {"/q/a", "/q", "/docs/1"}) {
    EXPECT_EQ(GetPath(path).status, 404) << path;
    EXPECT_THAT(GetPath(path).body, HasSubstr(R"({"msg":"Kuberian's API is not served here)"));
  }
  EXPECT_THAT(GetPath("/nothing").body, Not(HasSubstr("/indexes")));
}

}  // namespace
}  // namespace minnow
