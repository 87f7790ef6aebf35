// SPDX-License-Identifier: Apache-2.0
// Fields and parameters that the documents API does not know.
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

TEST_F(SearchFields, ThoseThatAreNotKnownAreRefused) {
  AddAll("docs", R"({"id":"a","text":"red","anything":["goes"]})");
  const std::string search =
      "there are q, filter, limit, offset, semantic_ratio, exact, prefix, min_score, attributes, "
      "highlight, facets, group_by\"";
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

}  // namespace
}  // namespace minnow
