// SPDX-License-Identifier: Apache-2.0
// The documents API over real sockets: shapes of answers, and every kind of bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "tests/await.h"
#include "tests/server/search_fixture.h"

namespace minnow {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class SearchApi : public SearchFixture {
 protected:
  void ExpectError(const ClientResponse& response, int status, const std::string& code,
                   const std::string& message) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/json");
    EXPECT_THAT(response.body, HasSubstr(R"({"error":{"code":")" + code + R"(","message":)"));
    EXPECT_THAT(response.body, HasSubstr(message));
  }
};

TEST_F(SearchApi, IndexesComeAndGo) {
  EXPECT_EQ(GetPath("/indexes").body, R"({"results":[],"total":0})");
  const ClientResponse made =
      Post("/indexes", R"({"name":"docs","text_fields":["title","a.b"],"id_field":"key"})");
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.body,
              MatchesRegex(R"(\{"name":"docs","documents":0,"chunks":0,"pending_chunks":0,)"
                           R"("text_fields":\["title","a\.b"\],"id_field":"key","model":null,)"
                           R"("created_at":"20.*Z"\})"));
  EXPECT_EQ(GetPath("/indexes/docs").body, made.body);
  EXPECT_EQ(GetPath("/indexes").body, R"({"results":[)" + made.body + R"(],"total":1})");
  ExpectError(Post("/indexes", R"({"name":"docs"})"), 409, "conflict", "docs");
  EXPECT_EQ(Send("DELETE", "/indexes/docs").body, R"({"name":"docs","deleted":true})");
  ExpectError(Send("DELETE", "/indexes/docs"), 404, "not_found", "docs");
  ExpectError(GetPath("/indexes/docs"), 404, "not_found", "docs");
}

TEST_F(SearchApi, BadIndexes) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "JSON"},
      {"{", "JSON"},
      {"[]", "object"},
      {"{}", "name"},
      {R"({"name":7})", "name"},
      {R"({"name":""})", "name"},
      {R"({"name":"a b"})", "name"},
      {R"({"name":"../x"})", "name"},
      {R"({"name":"a","text_fields":"title"})", "text_fields"},
      {R"({"name":"a","text_fields":[1]})", "text_fields[0]"},
      {R"({"name":"a","text_fields":[""]})", "text_fields"},
      {R"({"name":"a","id_field":""})", "id_field"},
      {R"({"name":"a","id_field":[]})", "id_field"}};
  for (const auto& [body, message] : cases) {
    ExpectError(Post("/indexes", body), 400, "invalid_argument", message);
  }
  ExpectError(Post("/indexes", R"({"name":")" + std::string(65, 'a') + "\"}"), 400,
              "invalid_argument", "name");
  EXPECT_EQ(GetPath("/indexes").body, R"({"results":[],"total":0})");
}

TEST_F(SearchApi, DocumentsAreAddedWithAWordOnEach) {
  const ClientResponse added =
      Post("/indexes/docs/documents?wait=true",
           R"( [ {"id":"a","text":"red, \"[{"} , {"id":7,"text":"green"},{"text":"no id"},3 ] )");
  EXPECT_EQ(added.status, 200);
  EXPECT_THAT(added.body,
              AllOf(HasSubstr(R"("status":"done","accepted":2,"rejected":2,"results":[)"
                              R"({"line":1,"id":"a","status":"added"},)"
                              R"({"line":2,"id":"7","status":"added"},{"line":3,"error":)"),
                    HasSubstr(R"({"line":4,"error":")")));
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents")), "a ?");
  EXPECT_EQ(GetPath("/indexes/docs/documents/a").body, R"({"id":"a","text":"red, \"[{"})");
  EXPECT_EQ(GetPath("/indexes/docs/documents/7").body, R"({"id":7,"text":"green"})");
  const ClientResponse again = Post("/indexes/docs/documents?wait=true",
                                    R"([{"id":"a","text":"blue"},{"id":7,"text":"green"}])");
  EXPECT_THAT(again.body, AllOf(HasSubstr(R"("id":"a","status":"replaced")"),
                                HasSubstr(R"("id":"7","status":"unchanged")")));
  EXPECT_THAT(GetPath("/indexes/docs").body,
              AllOf(HasSubstr(R"("documents":2,"chunks":2,"pending_chunks":0)"),
                    HasSubstr(R"("model":{"name":"fake","dtype":"fp32","dimensions":4})")));
}

TEST_F(SearchApi, LinesOfJson) {
  const ClientResponse added =
      Send("POST", "/indexes/docs/documents?wait=true",
           "{\"id\":\"a\",\"text\":\"x\"}\r\n\n[]\nnot json\n{\"id\":\"b\",\"text\":\"\xff\"}\n"
           "{\"id\":\"c\",\"text\":\"y\"}",
           "application/x-ndjson; charset=utf-8");
  EXPECT_EQ(added.status, 200);
  EXPECT_THAT(added.body,
              AllOf(HasSubstr(R"("accepted":2,"rejected":3)"),
                    HasSubstr(R"({"line":1,"id":"a","status":"added"})"),
                    HasSubstr(R"({"line":3,"error":)"), HasSubstr(R"({"line":4,"error":)"),
                    HasSubstr(R"({"line":5,"error":)"),
                    HasSubstr(R"({"line":6,"id":"c","status":"added"})")));
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents")), "a c");
}

TEST_F(SearchApi, NothingAcceptedIs400) {
  for (const char* body : {"{}", "[{}]", "7", "\"a\"", "nothing", R"([{"id":""}])",
                           R"([{"id":null,"text":"a"}])", R"({"id":{},"text":"a"})"}) {
    const ClientResponse response = Post("/indexes/docs/documents", body);
    ExpectError(response, 400, "invalid_argument", "line 1: ");
    EXPECT_THAT(response.body, HasSubstr(R"("accepted":0,"rejected":1)"));
  }
  for (const char* body : {"", " ", "[", "[]", "[ ]]", "[{}", "[{},]", "[,{}]",
                           R"([{"id":1} {"id":2}])", "[1}", "[{}]x"}) {
    EXPECT_EQ(Post("/indexes/docs/documents", body).status, 400) << body;
  }
  ExpectError(Send("POST", "/indexes/docs/documents", "\n\n", "application/x-ndjson"), 400,
              "invalid_argument", "empty");
  ExpectError(GetPath("/indexes/docs"), 404, "not_found", "docs");  // it was not made
  ExpectError(Post("/indexes/a%20b/documents", R"({"id":1,"text":"a"})"), 400, "invalid_argument",
              "name");
  for (const char* query : {"wait=yes", "wait=1", "wait_seconds=0", "wait=%4"}) {
    EXPECT_EQ(
        Post("/indexes/docs/documents?" + std::string(query), R"({"id":1,"text":"a"})").status, 400)
        << query;
  }
}

TEST_F(SearchApi, LimitsOfABatch) {
  Stop();
  context_.options.max_documents = 3;
  context_.options.max_documents_bytes = 3'000'000;
  Start();
  EXPECT_EQ(Post("/indexes/docs/documents", R"([{"id":1},{"id":2},{"id":3}])").status, 202);
  ExpectError(Post("/indexes/docs/documents", "[{},{},{},{}]"), 400, "invalid_argument", "3");
  ExpectError(Send("POST", "/indexes/docs/documents", "{}\n{}\n{}\n{}", "application/x-ndjson"),
              400, "invalid_argument", "3");
  const std::string large = R"({"id":1,"text":")" + std::string(2'500'000, 'a') + "\"}";
  EXPECT_EQ(Post("/indexes/docs/documents", large).status, 202);
  EXPECT_EQ(Post("/indexes/docs/documents", large + std::string(500'000, ' ')).status, 413);
}

TEST_F(SearchApi, TasksArePolled) {
  service_.set_hold(true);
  const ClientResponse added = Post("/indexes/docs/documents", R"({"id":"a","text":"red"})");
  EXPECT_EQ(added.status, 202);
  EXPECT_THAT(added.body, HasSubstr(R"({"task":1,"status":"processing")"));
  // Words are found before there are vectors.
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red&semantic_ratio=0")), "a");
  EXPECT_THAT(GetPath("/tasks/1").body,
              MatchesRegex(R"(\{"id":1,"index":"docs","kind":"add","status":"processing",)"
                           R"("documents":1,"pending_chunks":1,"error":null,"enqueued_at":"20.*Z",)"
                           R"("finished_at":null\})"));
  auto held = service_.TakeHeld();
  ASSERT_NE(held, nullptr);
  service_.set_hold(false);
  EmbedAnswer answer;
  answer.vectors = {1, 0, 0, 0};
  held->done(std::move(answer));
  ClientResponse task;
  AwaitUntil(
      [&] {
        task = GetPath("/tasks/1");
        return task.body.find("done") != std::string::npos;
      },
      "the task to be done");
  EXPECT_THAT(task.body, AllOf(HasSubstr(R"("status":"done")"), HasSubstr(R"("finished_at":"20)")));
  EXPECT_EQ(GetPath("/tasks").body,
            R"({"results":[)" + task.body + R"(],"offset":0,"limit":20,"total":1})");
  EXPECT_EQ(GetPath("/tasks?offset=1").body, R"({"results":[],"offset":1,"limit":20,"total":1})");
  for (const char* wrong : {"2", "x", "1.5", "1e0", "01", "-1", "99999999999999999999"}) {
    ExpectError(GetPath("/tasks/" + std::string(wrong)), 404, "not_found", wrong);
  }
  ExpectError(GetPath("/tasks?limit=x"), 400, "invalid_argument", "limit");
}

TEST_F(SearchApi, WaitingEndsWithTheTask) {
  service_.set_hold(true);
  SocketClient waiting(server_->port());
  waiting.Send(PostJson("/indexes/docs/documents?wait=true", R"({"id":"a","text":"red"})"));
  auto held = service_.TakeHeld();
  ASSERT_NE(held, nullptr);
  service_.set_hold(false);
  EXPECT_EQ(GetPath("/indexes/docs").status, 200) << "others are answered meanwhile";
  EmbedAnswer answer;
  answer.vectors = {1, 0, 0, 0};
  held->done(std::move(answer));
  const ClientResponse response = waiting.Read();
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr(R"("status":"done")"));
}

TEST_F(SearchApi, FailedTextsDoNotStopTheOthers) {
  service_.set_next_error({Code::kInvalidArgument, "chunks[1]: no tokens"});
  AddAll("docs", R"([{"id":"a","text":"red"},{"id":"b","text":"green"}])");
  EXPECT_THAT(GetPath("/indexes/docs").body, HasSubstr(R"("pending_chunks":0)"));
}

TEST_F(SearchApi, LackOfMemoryDoesNotEndTheWork) {
  service_.set_next_out_of_memory();
  AddAll("docs", R"([{"id":"a","text":"red"}])");
  EXPECT_THAT(GetPath("/indexes/docs").body, HasSubstr(R"("pending_chunks":0)"));
  const std::lock_guard lock(warnings_mutex_);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("embedding: ")));
}

TEST_F(SearchApi, SearchShape) {
  AddAll("docs", R"([{"id":"a","text":"red apples","n":1},{"id":"b","text":"green pears","n":2}])");
  const ClientResponse found =
      Post("/indexes/docs/search", R"({"q":"apples","semantic_ratio":0,"limit":3})");
  EXPECT_EQ(found.status, 200);
  EXPECT_THAT(found.body,
              MatchesRegex(R"(\{"query":"apples","hits":\[\{"id":"a","score":[0-9.e-]*,)"
                           R"("semantic_score":null,"lexical_score":[0-9.e-]*,"snippet":".*",)"
                           R"("passage":\{"begin":0,"end":10\},)"
                           R"("document":\{"id":"a","text":"red apples","n":1\}\}\],)"
                           R"("limit":3,"offset":0,"estimated_total":1,"facets":\{\},)"
                           R"("timings":\{"embed_ms":0,"search_ms":[0-9.]*\}\})"));
  EXPECT_EQ(
      Ids(GetPath("/indexes/docs/search?q=green+apples&semantic_ratio=1&limit=1&offset=1")).size(),
      1u);
  EXPECT_EQ(Ids(Post("/indexes/docs/search", R"({"q":"pears"})")).substr(0, 1), "b");
  EXPECT_EQ(Ids(Post("/indexes/docs/search", R"({"limit":0})")), "");
  const ClientResponse similar = Post("/indexes/docs/similar", R"({"id":"a"})");
  EXPECT_EQ(Ids(similar), "b");
  EXPECT_THAT(similar.body, HasSubstr(R"({"id":"a","hits":[)"));
  ExpectError(GetPath("/indexes/docs/similar?id=zz"), 404, "not_found", "zz");
  ExpectError(GetPath("/indexes/none/search?q=a"), 404, "not_found", "none");
  EXPECT_THAT(GetPath("/metrics").body, HasSubstr("minnow_search_count "));
}

TEST_F(SearchApi, BadSearches) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  const std::pair<std::string, const char*> cases[] = {
      {"[]", "object"},
      {"{", "JSON"},
      {R"({"q":7})", "q"},
      {R"({"q":")" + std::string(10'001, 'a') + "\"}", "q: 10001 bytes, limit 10000"},
      {R"({"limit":-1})", "limit"},
      {R"({"limit":1.5})", "limit"},
      {R"({"limit":"5"})", "limit"},
      {R"({"limit":10001})", "limit"},
      {R"({"limit":5000,"offset":5001})", "offset"},
      {R"({"semantic_ratio":1.01})", "semantic_ratio"},
      {R"({"semantic_ratio":-0.1})", "semantic_ratio"},
      {R"({"semantic_ratio":"x"})", "semantic_ratio"},
      {R"({"exact":1})", "exact"},
      {R"({"min_score":"high"})", "min_score"},
      {R"({"attributes":"title"})", "attributes"},
      {R"({"attributes":[7]})", "attributes[0]"},
      {R"({"facets":[null]})", "facets[0]"},
      {R"({"group_by":[]})", "group_by"},
      {R"({"highlight":"yes"})", "highlight"},
      {R"({"filter":["a"]})", "filter"},
      {R"({"filter":")" + std::string(40'000, 'a') + "\"}", "filter: 40000 bytes"}};
  for (const auto& [body, message] : cases) {
    ExpectError(Post("/indexes/docs/search", body), 400, "invalid_argument", message);
  }
  for (const char* twice : {"q=red&q=blue", "q=red&limit=1&limit=1", "facets=a&facets=b&q=x"}) {
    ExpectError(GetPath("/indexes/docs/search?" + std::string(twice)), 400, "invalid_argument",
                "given twice");
  }
  ExpectError(GetPath("/tasks?limit=1&limit=2"), 400, "invalid_argument", "limit");
  ExpectError(Post("/indexes/docs/documents?wait=true&wait=false", "[]"), 400, "invalid_argument",
              "wait");
  for (const char* query : {"limit=x", "limit=1e9", "exact=maybe", "q=%4", "semantic_ratio=2"}) {
    EXPECT_EQ(GetPath("/indexes/docs/search?" + std::string(query)).status, 400) << query;
  }
  ExpectError(Post("/indexes/docs/search", R"({"q":")" + std::string(200'000, 'a') + "\"}"), 413,
              "too_large", "limit");
  ExpectError(Post("/indexes/docs/similar", "{}"), 400, "invalid_argument", "id");
  ExpectError(Post("/indexes/docs/similar", R"({"id":null})"), 400, "invalid_argument",
              "id: expected a string or an integer, got null");
  ExpectError(Post("/indexes/docs/documents/delete", R"({"ids":["a",null]})"), 400,
              "invalid_argument", "ids[1]: expected a string or an integer, got null");
  // Fields that are null are as if absent.
  EXPECT_EQ(Post("/indexes/docs/search", R"({"filter":null,"limit":null})").status, 200);
}

TEST_F(SearchApi, FiltersFacetsAndGroups) {
  AddAll("docs", R"([{"id":"a","text":"red fish","lang":"go","n":1,"tags":["x","y"]},)"
                 R"({"id":"b","text":"red boat","lang":"c","n":2,"tags":["x"]},)"
                 R"({"id":"c","text":"red net","lang":"go","n":3,"v":{"w":true}}])");
  const auto search = [this](const std::string& fields) {
    return Post("/indexes/docs/search", R"({"q":"red","semantic_ratio":0,)" + fields + "}");
  };
  EXPECT_EQ(Ids(search(R"("filter":"n >= 2 AND lang = \"go\"")")), "c");
  EXPECT_EQ(Ids(search(R"("filter":"tags = \"y\" OR v.w = true")")).size(), 3u);
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red&filter=n%3D2")), "b");
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents?filter=lang%3D%22go%22&offset=1")), "c");
  EXPECT_THAT(GetPath("/indexes/docs/documents?filter=lang%3D%22go%22&limit=0").body,
              HasSubstr(R"("total":2)"));
  EXPECT_THAT(search(R"("facets":["lang","tags","none"])").body,
              HasSubstr(R"("facets":{"lang":{"go":2,"c":1},"none":{},"tags":{"x":2,"y":1}})"));
  EXPECT_EQ(Ids(search(R"("group_by":"lang")")).size(), 3u);
  EXPECT_THAT(search(R"("attributes":["n","none"],"limit":1)").body,
              HasSubstr(R"("document":{"n":)"));
  EXPECT_THAT(search(R"("attributes":[],"limit":1)").body, HasSubstr(R"("document":{})"));
  // No words: every document, in the order of the index.
  EXPECT_EQ(Ids(Post("/indexes/docs/search", "{}")), "a b c");
  EXPECT_EQ(Ids(Post("/indexes/docs/search", R"({"q":" ","filter":"n > 1","offset":1})")), "c");
  for (const char* bad : {"n >", "(n = 1", "n = 1 AND", "= 1", "n ~ 1"}) {
    ExpectError(search(R"("filter":")" + std::string(bad) + "\""), 400, "invalid_argument",
                R"("message":"filter: )");
    ExpectError(Post("/indexes/docs/documents/delete", R"({"filter":")" + std::string(bad) + "\"}"),
                400, "invalid_argument", R"("message":"filter: )");
  }
  EXPECT_THAT(Post("/indexes/docs/documents/delete", R"({"filter":"lang = \"go\""})").body,
              HasSubstr(R"({"deleted":2,)"));
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents")), "b");
}

TEST_F(SearchApi, AnEmptyIndexHasNoHits) {
  EXPECT_EQ(Post("/indexes", R"({"name":"docs"})").status, 201);
  for (const char* search : {R"({"q":"fish"})", R"({"q":""})", R"({"q":"x","semantic_ratio":0})",
                             R"({"q":"x","filter":"a = 1","facets":["a"],"group_by":"b"})"}) {
    EXPECT_THAT(Post("/indexes/docs/search", search).body,
                AllOf(HasSubstr(R"("hits":[])"), HasSubstr(R"("estimated_total":0)")));
  }
  ExpectError(GetPath("/indexes/docs/similar?id=none"), 404, "not_found", "none");
  ExpectError(GetPath("/indexes/docs/documents/none"), 404, "not_found", "none");
}

TEST_F(SearchApi, SignsOfSqlAndOfPatternsMeanThemselves) {
  AddAll("docs", R"([{"id":"o'b %_*?[x]/\"","text":"a * b' OR ? [z]"},{"id":"other","text":"y"}])");
  const std::string path = "/indexes/docs/documents/o%27b%20%25_*%3F%5Bx%5D%2F%22";
  EXPECT_EQ(GetPath(path).status, 200);
  for (const char* id : {"%25", "*", "o%27b%25", "_____", "%27%20OR%201%3D1%20--"}) {
    ExpectError(GetPath(std::string("/indexes/docs/documents/") + id), 404, "not_found", "none");
  }
  const auto search = [this](const std::string& fields) {
    return Ids(Post("/indexes/docs/search", R"({"semantic_ratio":0,)" + fields + "}"));
  };
  EXPECT_EQ(search(R"("q":"\" OR 1=1 -- * NEAR( ^z : {w}")"), "o'b %_*?[x]/\"");  // by the word
  EXPECT_EQ(search(R"("q":"*")"), "");  // no word: nothing has it
  EXPECT_EQ(search(R"("q":"","filter":"id STARTS WITH \"o'b %_\"")"), "o'b %_*?[x]/\"");
  EXPECT_EQ(search(R"("q":"","filter":"id STARTS WITH \"%\"")"), "");
  EXPECT_EQ(search(R"("q":"","filter":"id CONTAINS \"?[\"")"), "o'b %_*?[x]/\"");
  EXPECT_EQ(Send("DELETE", path).status, 200);
  EXPECT_EQ(search(R"("q":"")"), "other");
}

TEST_F(SearchApi, SnippetsAreSafeHtml) {
  AddAll("docs", R"({"id":"a","text":"a <script>alert(1)</script> & \"red\" fish"})");
  const ClientResponse found =
      Post("/indexes/docs/search", R"({"q":"red fish","semantic_ratio":0})");
  EXPECT_THAT(found.body, AllOf(HasSubstr("&lt;script&gt;"), HasSubstr("<em>fish</em>"),
                                Not(HasSubstr(R"("snippet":"a <script>)"))));
  EXPECT_THAT(Post("/indexes/docs/search", R"({"q":"red fish","highlight":false})").body,
              Not(HasSubstr("<em>")));
}

TEST_F(SearchApi, Deleting) {
  AddAll("docs", R"([{"id":"a","text":"x"},{"id":"b","text":"x"},{"id":3,"text":"x"},)"
                 R"({"id":"delete","text":"x"},{"id":"d/e f","text":"x"}])");
  EXPECT_EQ(GetPath("/indexes/docs/documents/delete").status, 200);
  EXPECT_EQ(GetPath("/indexes/docs/documents/d%2Fe%20f").body, R"({"id":"d/e f","text":"x"})");
  EXPECT_THAT(Send("DELETE", "/indexes/docs/documents/d%2Fe%20f").body,
              HasSubstr(R"({"deleted":1,"task":)"));
  ExpectError(GetPath("/indexes/docs/documents/d%2Fe%20f"), 404, "not_found", "d/e f");
  ExpectError(Send("DELETE", "/indexes/docs/documents/zz"), 404, "not_found", "zz");
  EXPECT_THAT(Post("/indexes/docs/documents/delete", R"({"ids":["a","zz",3]})").body,
              HasSubstr(R"({"deleted":2,"task":)"));
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents")), "b delete");
  for (const char* body :
       {"{}", R"({"ids":null})", R"({"filter":""})", R"({"ids":[],"filter":"a=1"})",
        R"({"ids":"a"})", R"({"ids":[true]})", R"({"ids":[1.5]})", "[]"}) {
    ExpectError(Post("/indexes/docs/documents/delete", body), 400, "invalid_argument", "");
  }
  ExpectError(Post("/indexes/none/documents/delete", R"({"ids":["a"]})"), 404, "not_found", "none");
}

TEST_F(SearchApi, Listing) {
  AddAll("docs", R"([{"id":"a","text":"x"},{"id":"b","text":"x"},{"id":"c","text":"x"}])");
  const ClientResponse page = GetPath("/indexes/docs/documents?offset=1&limit=1");
  EXPECT_EQ(page.body, R"({"results":[{"id":"b","text":"x"}],"offset":1,"limit":1,"total":3})");
  EXPECT_EQ(GetPath("/indexes/docs/documents?limit=0").body,
            R"({"results":[],"offset":0,"limit":0,"total":3})");
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents?offset=100")), "");
  ExpectError(GetPath("/indexes/docs/documents?limit=-1"), 400, "invalid_argument", "limit");
  ExpectError(GetPath("/indexes/docs/documents?limit=10001"), 400, "invalid_argument", "limit");
}

TEST_F(SearchApi, AnotherModelsVectorsAreNotCompared) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  Stop();
  Start({}, "xxh64:2");
  ExpectError(GetPath("/indexes/docs/search?q=red"), 409, "conflict", "lexical");
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red&semantic_ratio=0")), "a");
  ExpectError(Post("/indexes/docs/documents?wait=true", R"({"id":"b","text":"blue"})"), 409,
              "conflict", "the documents are stored");
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=blue&semantic_ratio=0")), "b");
  Stop();
  ASSERT_FALSE(warnings_.empty());
  EXPECT_THAT(warnings_[0], HasSubstr("docs"));
}

TEST_F(SearchApi, WhatWaitsForVectorsGetsThemAfterARestart) {
  service_.set_hold(true);
  EXPECT_EQ(Post("/indexes/docs/documents", R"({"id":"a","text":"red"})").status, 202);
  auto held = service_.TakeHeld();
  held->done(Error{Code::kOverloaded, "shutting down"});
  service_.set_hold(false);
  Stop();
  Start();
  AwaitUntil([&] { return GetPath("/tasks/1").body.find("done") != std::string::npos; },
             "the task to be done");
  EXPECT_THAT(GetPath("/indexes/docs").body, HasSubstr(R"("pending_chunks":0)"));
}

TEST_F(SearchApi, ReadOnly) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  Stop();
  Start({.read_only = true});
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red")), "a");
  for (const auto& [method, path] : {std::pair("POST", "/indexes"),
                                     {"DELETE", "/indexes/docs"},
                                     {"POST", "/indexes/docs/documents"},
                                     {"DELETE", "/indexes/docs/documents/a"},
                                     {"POST", "/indexes/docs/documents/delete"}}) {
    ExpectError(Send(method, path, "{}"), 403, "read_only", "read-only");
  }
}

TEST_F(SearchApi, BeforeStoreAndModelAreThere) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  Stop();
  open_ = false;
  service_.Unload();
  Start();
  ExpectError(GetPath("/indexes"), 503, "not_ready", "store");
  EXPECT_EQ(GetPath("/indexes").headers.at("retry-after"), "1");
  Stop();
  open_ = true;
  embed_ = false;
  Start();
  EXPECT_EQ(GetPath("/indexes").status, 200);
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red&semantic_ratio=0")), "a");
  ExpectError(GetPath("/indexes/docs/search?q=red"), 503, "not_ready", "model");
  ExpectError(Post("/indexes/docs/documents", R"({"id":"b","text":"x"})"), 503, "not_ready",
              "model");
}

TEST_F(SearchApi, FullQueuesRefuse) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  Stop();
  Start({}, "xxh64:1", {.read_threads = 1, .max_waiting_reads = 1});
  // The only reading thread waits here.
  std::promise<void> begun;
  std::promise<void> go;
  ASSERT_TRUE(search_->readers().Submit([&] { begun.set_value(), Await(go, "go"); }).ok());
  Await(begun, "the reading thread");
  SocketClient waiting(server_->port());
  waiting.Send(Get("/indexes"));
  AwaitUntil([&] { return search_->readers().load() == 2; }, "the request to wait");
  const ClientResponse refused = GetPath("/indexes");
  ExpectError(refused, 429, "overloaded", "wait");
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  go.set_value();
  EXPECT_EQ(waiting.Read().status, 200);
}

TEST_F(SearchApi, WorkOfAClientThatLeftIsDropped) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  Stop();
  Start({}, "xxh64:1", {.read_threads = 1});
  std::promise<void> begun;
  std::promise<void> go;
  ASSERT_TRUE(search_->readers().Submit([&] { begun.set_value(), Await(go, "go"); }).ok());
  Await(begun, "the reading thread");
  const uint64_t before = metrics_.search_count.value();
  {
    SocketClient leaving(server_->port());
    leaving.Send(Get("/indexes/docs/search?q=red&semantic_ratio=0"));
    AwaitUntil([&] { return search_->readers().load() == 2; }, "the search to wait");
    std::this_thread::sleep_for(std::chrono::milliseconds(150));  // later than a half-close
  }
  // The connection stays open until its search is dropped, so there is nothing to await.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  go.set_value();
  EXPECT_EQ(GetPath("/indexes").status, 200);
  EXPECT_EQ(metrics_.search_count.value(), before);
}

}  // namespace
}  // namespace minnow
