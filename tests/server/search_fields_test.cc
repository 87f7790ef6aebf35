// SPDX-License-Identifier: Apache-2.0
// What the documents API refuses whole: fields that it does not know, answers without an end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/server/search_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

class SearchFields : public SearchFixture {
 protected:
  void ExpectRefusal(const ClientResponse& response, const std::string& message) {
    EXPECT_EQ(response.status, 400) << response.body;
    EXPECT_THAT(response.body,
                HasSubstr(R"({"error":{"code":"invalid_argument","message":")" + message));
  }
};

TEST_F(SearchFields, DocumentsOfOtherPrograms) {
  const std::string mark = "\xEF\xBB\xBF";
  AddAll("docs", mark + R"([{"id":"a","title":"one","lang":"en"}])");
  const ClientResponse lines =
      Send("POST", "/indexes/docs/documents",
           mark + "{\"id\":\"b\",\"title\":\"two\"}\r\n{\"id\":\"c\",\"title\":\"caf\xe9\"}\r\n",
           "application/x-ndjson");
  EXPECT_THAT(lines.body, AllOf(HasSubstr(R"("accepted":1,"rejected":1)"), HasSubstr("not UTF-8")));
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents")), "a b");
  const ClientResponse table =
      Send("POST", "/indexes/docs/documents", "id,title\nd,three\n", "text/csv");
  EXPECT_EQ(table.status, 400);
  EXPECT_THAT(table.body, HasSubstr("Content-Type is text/csv, expected JSON"));
  // Other servers' way to write "all fields".
  EXPECT_THAT(GetPath("/indexes/docs/search?q=one&attributes=*").body,
              HasSubstr(R"("document":{"id":"a","title":"one","lang":"en"})"));
  EXPECT_THAT(Post("/indexes/docs/search", R"({"q":"one","attributes":["*","title"]})").body,
              HasSubstr(R"("lang":"en")"));
}

TEST_F(SearchFields, ThoseThatAreNotKnownAreRefused) {
  AddAll("docs", R"({"id":"a","text":"red","anything":["goes"]})");
  const std::string search =
      "there are q, filter, limit, offset, semantic_ratio, exact, prefix, min_score, attributes, "
      "highlight, facets, group_by, prompt_name, rerank\"";
  const std::string posts[][3] = {
      {"/indexes/docs/search", R"({"q":"red","fitler":"n = 1"})",
       R"(\"fitler\": no such field; )" + search},
      {"/indexes/docs/search", R"({"":null})", R"(\"\": no such field; )" + search},
      {"/indexes/docs/search", R"({"id":"a"})", R"(\"id\": no such field; )" + search},
      {"/indexes/docs/similar", R"({"id":"a","q":"red"})",
       R"(\"q\": no such field; there are id, filter, limit,)"},
      {"/indexes/docs/documents/delete", R"({"ids":["a"],"Filter":"n=1"})",
       R"(\"Filter\": no such field; there are ids, filter")"},
      {"/indexes", R"({"name":"b","textFields":["title"]})",
       R"(\"textFields\": no such field; there are name, text_fields, id_field")"},
      {"/indexes/docs/documents?wiat=true", R"({"id":"b","text":"red"})",
       R"(\"wiat\": no such field; there are wait, wait_seconds")"}};
  for (const auto& [path, body, message] : posts) {
    ExpectRefusal(Post(path, body), message);
  }
  const std::pair<const char*, std::string> gets[] = {
      {"/indexes/docs/search?q=red&fitler=x", R"(\"fitler\": no such field; )" + search},
      {"/indexes/docs/documents?of=1",
       R"(\"of\": no such field; there are offset, limit, filter")"},
      {"/tasks?filter=x", R"(\"filter\": no such field; there are offset, limit")"}};
  for (const auto& [path, message] : gets) {
    ExpectRefusal(GetPath(path), message);
  }
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents")), "a");
}

TEST_F(SearchFields, UrlsOfRequestsWithoutParametersHaveNone) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  const std::string message = R"(\"x y\": this request takes no parameters in its URL")";
  const std::pair<const char*, const char*> posts[] = {
      {"/indexes/docs/search", R"({"q":"red"})"},
      {"/indexes/docs/similar", R"({"id":"a"})"},
      {"/indexes/docs/documents/delete", R"({"ids":["a"]})"},
      {"/indexes", R"({"name":"b"})"}};
  for (const auto& [path, body] : posts)
    ExpectRefusal(Post(std::string(path) + "?x+y=1", body), message);
  for (const char* path : {"/indexes", "/indexes/docs", "/indexes/docs/documents/a", "/tasks/1"})
    ExpectRefusal(GetPath(std::string(path) + "?x%20y"), message);
  for (const char* path : {"/indexes/docs", "/indexes/docs/documents/a"})
    ExpectRefusal(Send("DELETE", std::string(path) + "?x+y"), message);
  // Nothing is no parameter; and nothing was deleted, or made.
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents?")), "a");
  EXPECT_EQ(GetPath("/indexes/docs?").status, 200);
  EXPECT_EQ(GetPath("/indexes/b").status, 404);
}

TEST_F(SearchFields, ADocumentALineIsToldHowToBeSent) {
  const std::string lines = "{\"id\":\"a\",\"text\":\"x\"}\n{\"id\":\"b\",\"text\":\"y\"}\n";
  const ClientResponse refused = Post("/indexes/docs/documents", lines);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body,
              HasSubstr("; a document a line is sent with Content-Type: application/x-ndjson"));
  EXPECT_EQ(Send("POST", "/indexes/docs/documents", lines, "application/x-ndjson").status, 202);
  EXPECT_THAT(Post("/indexes/docs/documents", "{\"id\":\"a\",\n\"text\":").body,
              testing::Not(HasSubstr("ndjson")));
  EXPECT_THAT(Post("/indexes/docs/documents", "[{\"id\":\"a\",\"text\":\"x\"},{},{}\n]").body,
              testing::Not(HasSubstr("ndjson")));
}

TEST_F(SearchFields, AnswersHaveALimitInBytes) {
  Stop();
  context_.options.max_answer_bytes = 3000;
  Start();
  const std::string text(900, 'x');
  for (const char* id : {"a", "b", "c", "d"}) {
    AddAll("docs", R"({"id":")" + std::string(id) + R"(","title":"red","text":")" + text + R"("})");
  }
  const std::string limit = "limit: the answer would hold more than 3000 bytes; ask for fewer";
  const std::string documents = "/indexes/docs/documents";
  EXPECT_EQ(Ids(GetPath(documents + "?limit=3")), "a b c");
  EXPECT_EQ(Ids(GetPath(documents + "?limit=3&offset=1&filter=id%21%3D%22e%22")), "b c d");
  ExpectRefusal(GetPath(documents + "?limit=4"), limit);
  ExpectRefusal(GetPath(documents), limit);
  ExpectRefusal(GetPath(documents + "?filter=id%21%3D%22e%22"), limit);
  for (const char* query : {R"("q":"red","semantic_ratio":0)", R"("q":"red","semantic_ratio":1)",
                            R"("filter":"id != 'e'")"}) {
    const auto search = [&](const std::string& more) {
      return Post("/indexes/docs/search", "{" + std::string(query) + more + "}");
    };
    ExpectRefusal(search(""), limit);
    EXPECT_EQ(Ids(search(R"(,"limit":2)")).size(), 3u);
    EXPECT_EQ(Ids(search(R"(,"attributes":["title"])")).size(), 7u);
  }
  AddAll("docs", R"({"id":"long","text":")" + std::string(3500, 'x') + R"("})");
  EXPECT_EQ(GetPath(documents + "/long").status, 200);
  ExpectRefusal(Post("/indexes/docs/search", R"({"facets":["text"],"limit":0})"), limit);
}

}  // namespace
}  // namespace minnow
