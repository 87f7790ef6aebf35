// SPDX-License-Identifier: Apache-2.0
// Tests of POST /v1/classify, /models/{name}, /process, /rerank, /v1/rerank and /v2/rerank on the
// wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ClassifyRoutes : public ApiServer {
 protected:
  void Add(const std::string& name, std::vector<std::string> labels, bool has_tokenizer = true) {
    ModelFacts facts = FakeModel::Facts(name);
    facts.task = TaskKind::kClassify;
    facts.labels = std::move(labels);
    ASSERT_TRUE(
        service_.models().Add(std::make_unique<FakeModel>(facts, nullptr, has_tokenizer)).ok());
  }
  void AddLanguages() { Add("org/languages", {"de", "it"}); }
  void AddReranker() { Add("cross", {"LABEL_0"}); }
};

TEST_F(ClassifyRoutes, Classify) {
  AddLanguages();
  EXPECT_EQ(Post("/v1/classify", R"({"input":"Ciao"})").body,
            R"({"object":"list","data":[{"index":0,"classes":[{"label":"it","score":0.75},)"
            R"({"label":"de","score":0.25}],"tokens":4,"tokens_used":3}],)"
            R"("model":"org/languages","usage":{"prompt_tokens":3,"total_tokens":3}})");
  const ClientResponse best =
      Post("/v1/classify", R"({"input":["a","b"],"top_k":1,"model":"org/languages"})");
  EXPECT_THAT(best.body, HasSubstr(R"("index":1,"classes":[{"label":"it","score":0.75}],)"));
  EXPECT_THAT(Post("/v1/classify", R"({"input":"a","threshold":0.5})").body,
              HasSubstr(R"("classes":[{"label":"it","score":0.75}])"));
  EXPECT_THAT(Post("/v1/classify", R"({"input":"a","threshold":0.8})").body,
              HasSubstr(R"("classes":[])"));
  const std::pair<const char*, const char*> bad[] = {
      {R"({"input":{}})", "input: expected a string, a list of strings"},
      {R"({"input":["a",null]})", "input[1]: expected a string"},
      {R"({"input":[]})", "input: must not be empty"},
      {R"({"input":"a","top_k":0})", "top_k"},
      {R"({"input":"a","threshold":"x"})", "threshold"},
      {R"({})", "input"}};
  for (const auto& [body, message] : bad) {
    const ClientResponse refused = Post("/v1/classify", body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_THAT(refused.body, HasSubstr(message)) << body;
  }
  EXPECT_EQ(Post("/v1/classify", R"({"input":"a","model":"tiny"})").status, 400);
}

TEST_F(ClassifyRoutes, HuggingFacesShape) {
  AddLanguages();
  const std::string both = R"([{"label":"it","score":0.75},{"label":"de","score":0.25}])";
  EXPECT_EQ(Post("/models/org/languages", R"({"inputs":"Ciao"})").body, "[" + both + "]");
  EXPECT_EQ(Post("/models/org%2Flanguages", R"({"inputs":["a","b"],"parameters":null})").body,
            "[" + both + "," + both + "]");
  EXPECT_EQ(Post("/models/org/languages",
                 R"({"inputs":"a","parameters":{"top_k":1,"function_to_apply":"none"}})")
                .body,
            R"([[{"label":"it","score":1.5}]])");
  EXPECT_EQ(Post("/models/other", R"({"inputs":"a"})").status, 404);
  EXPECT_EQ(Post("/models/org/languages", R"({"inputs":{}})").status, 422);
  const ClientResponse refused =
      Post("/models/org/languages", R"({"inputs":"a","parameters":{"function_to_apply":"tanh"}})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("parameters.function_to_apply: expected"));
}

TEST_F(ClassifyRoutes, Process) {
  AddReranker();
  AddLanguages();
  const ClientResponse answer = Post("/process", R"({"text":"Ciao","more":1})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_EQ(answer.body, "\"it\"") << "of the model with several labels";
  const std::pair<const char*, const char*> bad[] = {
      {"", R"({"type":"missing","loc":["body"],"msg":"Field required","input":null})"},
      {"[1,\"a\"]",
       R"({"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":[1,"a"]})"},
      {R"({"Text":"a","n":[true,null,1.5]})",
       R"({"type":"missing","loc":["body","text"],"msg":"Field required","input":{"Text":"a","n":[true,null,1.5]}})"},
      {R"({"text":5})",
       R"({"type":"string_type","loc":["body","text"],"msg":"Input should be a valid string","input":5})"},
      {R"({"text":null})",
       R"({"type":"string_type","loc":["body","text"],"msg":"Input should be a valid string","input":null})"},
      {"{\"text\": x}",
       R"({"type":"json_invalid","loc":["body",9],"msg":"JSON decode error","input":{}})"},
      {"{\n\"\u00e9\": x}",
       R"({"type":"json_invalid","loc":["body",7],"msg":"JSON decode error","input":{}})"}};
  for (const auto& [body, detail] : bad) {
    const ClientResponse refused = Post("/process", body);
    EXPECT_EQ(refused.status, 422) << body;
    EXPECT_EQ(refused.body, "{\"detail\":[" + std::string(detail) + "]}") << body;
  }
  EXPECT_THAT(GetPath("/process").body, HasSubstr("{\"detail\":"));
}

TEST_F(ClassifyRoutes, RerankAsTei) {
  AddLanguages();
  AddReranker();
  EXPECT_EQ(Post("/rerank", R"({"query":"q","texts":["aa","a","aaa"],"raw_scores":true})").body,
            R"([{"index":2,"score":2},{"index":0,"score":1},{"index":1,"score":0}])");
  EXPECT_EQ(Post("/rerank", R"({"query":"q","texts":["a"],"return_text":true})").body,
            R"([{"index":0,"score":0.5,"text":"a"}])");
  EXPECT_EQ(Post("/rerank", R"({"query":"q","texts":[]})").status, 400);
  const std::pair<const char*, const char*> bad[] = {
      {R"({"texts":["a"]})", "query"},
      {R"({"query":"","texts":["a"]})", "query: must not be empty"},
      {R"({"query":"q","documents":["a"]})", "/v1/rerank and /v2/rerank take"},
      {R"({"query":"q","texts":"a"})", "texts: expected"},
      {R"({"query":"q","texts":["a",{"text":"b"}]})", "texts[1]: expected a string"},
      {R"({"query":"q","texts":["a"],"raw_scores":"x"})", "raw_scores"}};
  for (const auto& [body, message] : bad) {
    const ClientResponse refused = Post("/rerank", body);
    EXPECT_EQ(refused.status, 422) << body;
    EXPECT_THAT(refused.body, HasSubstr(message)) << body;
  }
  std::string many = R"({"query":")" + std::string(100'000, 'q') + R"(","texts":["a")";
  for (int i = 0; i < 1000; ++i) many += R"(,"")";
  const ClientResponse large = Post("/rerank", many + "]}");
  EXPECT_EQ(large.status, 422);
  EXPECT_THAT(large.body, HasSubstr("texts: 1001 documents for a query of 100000 bytes, limit"));
  const ClientResponse wrong =
      Post("/rerank", R"({"query":"q","texts":["a"],"model":"org/languages"})");
  EXPECT_EQ(wrong.status, 424);
  EXPECT_THAT(wrong.body, HasSubstr("cannot rerank, only classify"));
  EXPECT_THAT(GetPath("/metrics").body, HasSubstr("te_rerank_count 4\n"));
}

TEST_F(ClassifyRoutes, RerankAsJinaAndCohere) {
  AddReranker();
  EXPECT_EQ(
      Post("/v1/rerank", R"({"query":"q","documents":["a",{"text":"aa"}],"model":"cross"})").body,
      R"({"model":"cross","usage":{"total_tokens":6},"results":[)"
      R"({"index":1,"relevance_score":0.7310586,"document":{"text":"aa"}},)"
      R"({"index":0,"relevance_score":0.5,"document":{"text":"a"}}]})");
  EXPECT_THAT(Post("/v1/rerank",
                   R"({"query":"q","documents":["a","aa"],"top_n":1,"return_documents":false})")
                  .body,
              HasSubstr(R"("results":[{"index":1,"relevance_score":0.7310586}])"));
  EXPECT_THAT(Post("/v1/rerank", R"({"query":"q","documents":["a"],"top_n":0})").body,
              HasSubstr("top_n"));
  EXPECT_THAT(
      Post("/v2/rerank", R"({"query":"q","documents":["a","aa","aaa"],"top_n":2})").body,
      MatchesRegex(
          R"re(\{"id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",)re"
          R"re("results":\[\{"index":2,"relevance_score":0.8807971\},)re"
          R"re(\{"index":1,"relevance_score":0.7310586\}\],"meta":.*)re"));
  const ClientResponse refused = Post("/v2/rerank", R"({"query":"q"})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, MatchesRegex(R"re(\{"message":"field ..documents.. is missing"\})re"));
}

TEST_F(ClassifyRoutes, WithoutATokenizer) {
  Add("ids", {"de", "it"}, /*has_tokenizer=*/false);
  EXPECT_EQ(Post("/v1/classify", R"({"input":"a","model":"ids"})").status, 422);
  for (const char* input : {"[5,6]", "[[5,6]]"}) {
    const std::string ids = input;
    EXPECT_EQ(Post("/v1/classify", R"({"input":)" + ids + "}").status, 200) << ids;
    EXPECT_EQ(Post("/models/ids", R"({"inputs":)" + ids + "}").status, 200) << ids;
  }
  const ClientResponse refused = Post("/process", R"({"text":"a"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr("no tokenizer"));
}

}  // namespace
}  // namespace minnow
