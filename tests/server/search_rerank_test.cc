// SPDX-License-Identifier: Apache-2.0
// "rerank" of a search on the wire. The reranker's score of a pair is the length of its second
// text, less one (tests/server/fake_service.h): longer passages come first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/await.h"
#include "tests/server/search_fixture.h"

namespace minnow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kDocuments =
    R"([{"id":"a","text":"red"},{"id":"b","text":"red red fish"},{"id":"c","text":"red fox"},)"
    R"({"id":"d","text":"the red one of them all"},{"id":"e","title":"blue"}])";

class SearchRerank : public SearchFixture {
 protected:
  void AddModel(const std::string& name, std::vector<std::string> labels,
                bool has_tokenizer = true) {
    ModelFacts facts = FakeModel::Facts(name);
    facts.task = TaskKind::kClassify;
    facts.labels = std::move(labels);
    auto model = std::make_unique<FakeModel>(facts, &controls_, has_tokenizer);
    ASSERT_TRUE(service_.models().Add(std::move(model)).ok());
  }
  ClientResponse Search(const std::string& more) {
    return Post("/indexes/docs/search", R"({"q":"red","semantic_ratio":0)" + more + "}");
  }
  void FailNext(Error error) {
    const std::lock_guard lock(controls_.mutex);
    controls_.next_error = std::move(error);
  }

  FakeControls controls_;
};

TEST_F(SearchRerank, OrderAndFields) {
  AddModel("cross", {"LABEL_0"});
  AddAll("docs", kDocuments);
  const std::string before = Ids(Search(""));
  EXPECT_EQ(before.size(), 7u);
  const ClientResponse all = Search(R"(,"rerank":true)");
  EXPECT_EQ(Ids(all), "d b c a");
  EXPECT_THAT(all.body,
              AllOf(HasSubstr(R"("rerank_score":0.880797)"),  // of 3 - 1
                    HasSubstr(R"("rerank":{"model":"cross","top_n":50,"scored":4,"truncated":0})"),
                    HasSubstr(R"("rerank_ms":)"), HasSubstr(R"("estimated_total":4)")));
  EXPECT_THAT(Search("").body, Not(HasSubstr("rerank")));
  for (const char* none : {R"(,"rerank":null)", R"(,"rerank":false)"})
    EXPECT_THAT(Search(none).body, Not(HasSubstr("rerank")));
  // With meaning, too: every document is found.
  EXPECT_EQ(Ids(Post("/indexes/docs/search", R"({"q":"red","rerank":{}})")), "d b c e a");
  // By a URL.
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red&semantic_ratio=0&rerank=true")), "d b c a");
  EXPECT_THAT(
      GetPath("/indexes/docs/search?q=red&semantic_ratio=0&rerank.model=cross&rerank.top_n=1").body,
      HasSubstr(R"("rerank":{"model":"cross","top_n":1,"scored":1,"truncated":0})"));
  EXPECT_THAT(metrics_.Render({}), HasSubstr("minnow_search_rerank_duration_count 4"));
}

TEST_F(SearchRerank, PagesAndTheRest) {
  AddModel("cross", {"LABEL_0"});
  AddAll("docs", kDocuments);
  const std::string before = Ids(Search(""));
  EXPECT_EQ(Ids(Search(R"(,"rerank":{"top_n":2})")).substr(4), before.substr(4));
  std::string pages;
  for (const char* offset : {"0", "1", "2", "3"}) {
    pages += Ids(Search(R"(,"limit":1,"rerank":{"top_n":3},"offset":)" + std::string(offset)));
  }
  std::string whole = Ids(Search(R"(,"rerank":{"top_n":3})"));
  std::erase(whole, ' ');
  EXPECT_EQ(pages, whole);
  const ClientResponse beyond = Search(R"(,"rerank":{"top_n":3},"offset":3)");
  EXPECT_EQ(Ids(beyond), before.substr(6));
  EXPECT_THAT(beyond.body, AllOf(HasSubstr(R"("rerank_score":null)"), HasSubstr(R"("scored":0)")));
  // Nothing to rank by, nothing to rank.
  for (const char* query : {R"({"q":" ","rerank":true})", R"({"rerank":true})",
                            R"({"q":"zzz","semantic_ratio":0,"rerank":true})",
                            R"({"q":"red","limit":0,"rerank":true})"}) {
    const ClientResponse answer = Post("/indexes/docs/search", query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(R"("scored":0)")) << query;
  }
  // The least score and the groups are the search's own.
  EXPECT_EQ(Ids(Search(R"(,"rerank":true,"filter":"id != 'd'","group_by":"id")")), "b c a");
  EXPECT_EQ(Ids(Search(R"(,"rerank":true,"min_score":1)")), "");
}

TEST_F(SearchRerank, BadInput) {
  AddModel("cross", {"LABEL_0"});
  AddModel("languages", {"de", "it"});
  AddModel("ids", {"LABEL_0"}, /*has_tokenizer=*/false);
  AddAll("docs", kDocuments);
  struct Case {
    std::string rerank;
    int status;
    std::string message;
  };
  const Case cases[] = {
      {R"({"model":"gone"})", 404, R"(rerank.model: \"gone\" is not served here, only \"tiny\")"},
      {R"({"model":"tiny"})", 400, R"(rerank.model \"tiny\": cannot rerank, only embed)"},
      {R"({"model":"languages"})", 400, R"(rerank.model \"languages\": cannot rerank)"},
      {R"({"model":"ids"})", 400, R"(rerank.model \"ids\": has no tokenizer)"},
      {R"({"model":5})", 400, "rerank.model: expected a string"},
      {R"({"top_n":0})", 400, "rerank.top_n: expected an integer in [1, 200]"},
      {R"({"top_n":201})", 400, "rerank.top_n: expected an integer in [1, 200]"},
      {R"({"top_n":1.5})", 400, "rerank.top_n"},
      {R"({"topn":5})", 400, R"(rerank: \"topn\": no such field; there are model, top_n)"},
      {R"("cross")", 400, "rerank: expected true, or an object of model and top_n"},
      {"[]", 400, "rerank: expected true"}};
  for (const auto& [rerank, status, message] : cases) {
    const ClientResponse refused = Search(R"(,"rerank":)" + rerank);
    EXPECT_EQ(refused.status, status) << refused.body;
    EXPECT_THAT(refused.body, HasSubstr(R"("message":")" + message));
  }
  const std::string path = "/indexes/docs/search?q=red&";
  EXPECT_THAT(GetPath(path + "rerank=true&rerank.top_n=5").body,
              HasSubstr("rerank: given as a whole and by rerank.... in the URL"));
  EXPECT_THAT(GetPath(path + "rerank.top_n=5&rerank.top_n=5").body, HasSubstr("given twice"));
  EXPECT_THAT(GetPath(path + "rerank.=5").body, HasSubstr("no such field"));
  EXPECT_EQ(GetPath(path + "rerank.model=5").status, 404);
  EXPECT_THAT(Post("/indexes/docs/similar", R"({"id":"a","rerank":true})").body,
              HasSubstr(R"(\"rerank\": no such field)"));
}

TEST_F(SearchRerank, WithoutAReranker) {
  AddAll("docs", kDocuments);
  const ClientResponse refused = Search(R"(,"rerank":true)");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("rerank: no model here reranks"));
  service_.set_status(ServiceState::kLoading, "");
  EXPECT_EQ(Search(R"(,"rerank":true)").status, 503) << "it may come";
}

TEST_F(SearchRerank, RefusalsOfTheModel) {
  AddModel("cross", {"LABEL_0"});
  AddAll("docs", kDocuments);
  FailNext({Code::kOverloaded, "queue full"});
  const ClientResponse overloaded = Search(R"(,"rerank":true)");
  EXPECT_EQ(overloaded.status, 429);
  EXPECT_EQ(overloaded.headers.at("retry-after"), "1");
  EXPECT_THAT(overloaded.body, HasSubstr("queue full"));
  FailNext({Code::kInternal, "broken"});
  EXPECT_EQ(Search(R"(,"rerank":true)").status, 500);
  EXPECT_EQ(Search(R"(,"rerank":true)").status, 200);
}

TEST_F(SearchRerank, IsDescribed) {
  AddModel("cross-encoder", {"LABEL_0"});
  AddAll("docs", R"({"id":"a","text":"Cats sleep all day.","stars":3})");
  const ClientResponse answer = GetPath("/openapi.json");
  const auto document = JsonDocument::Parse(answer.body, "openapi.json");
  ASSERT_TRUE(document.ok());
  const JsonView post = *document->root().Get("paths")->Get("/indexes/{index}/search")->Get("post");
  const JsonView content = *post.Get("requestBody")->Get("content")->Get("application/json");
  std::string body;
  JsonWriter json(&body);
  WriteJson(*content.Get("example"), json);
  const ClientResponse taken = Post("/indexes/docs/search", body);
  EXPECT_EQ(taken.status, 200) << taken.body;
  EXPECT_THAT(taken.body, HasSubstr(R"("rerank":{"model":"cross-encoder","top_n":50,"scored":1)"));
}

TEST_F(SearchRerank, HitsThatWaitAreCounted) {
  AddModel("cross", {"LABEL_0"});
  AddAll("docs", kDocuments);
  Stop();
  context_.memory = std::make_shared<MemoryBudget>(size_t{1} << 20);
  Start();
  EXPECT_EQ(Search(R"(,"rerank":true)").status, 200);
  // Given back just after the answer.
  AwaitUntil([&] { return context_.memory->used() == 0; }, "memory that is given back");
  Stop();
  context_.memory = std::make_shared<MemoryBudget>(100);
  Start();
  EXPECT_EQ(Search("").status, 200);
  const ClientResponse full = Search(R"(,"rerank":true)");
  EXPECT_EQ(full.status, 429);
  EXPECT_THAT(full.body, HasSubstr("memory full"));
}

}  // namespace
}  // namespace minnow
