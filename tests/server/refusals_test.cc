// SPDX-License-Identifier: Apache-2.0
// What the server answers before any handler: in JSON, in the shape of the family that the path
// belongs to, also where the request broke off before it was whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "formats/json.h"
#include "tests/server/search_fixture.h"

namespace minnow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Refusals : public SearchFixture {
 protected:
  ClientResponse Once(const std::string& bytes) {
    SocketClient client(server_->port());
    return client.Call(bytes);
  }
  // Sends `bytes`, of which the server must refuse the first part.
  void ExpectRefused(int status, const std::string& bytes, const std::string& start) {
    const ClientResponse response = Once(bytes);
    EXPECT_EQ(response.status, status) << bytes.substr(0, 100);
    EXPECT_EQ(response.headers.at("content-type"), "application/json") << bytes.substr(0, 100);
    EXPECT_THAT(response.body, StartsWith(start)) << bytes.substr(0, 100);
    EXPECT_TRUE(JsonDocument::Parse(response.body, "").ok()) << response.body;
  }
};

struct FamilyShape {
  const char* path;
  const char* start;  // of the body
};
constexpr FamilyShape kShapes[] = {{"/v1/nothing", R"({"error":{"message":")"},
                                   {"/v1", R"({"error":{"message":")"},
                                   {"//v1//nothing/", R"({"error":{"message":")"},
                                   {"/embeddings/x", R"({"error":{"message":")"},
                                   {"/embed/x", R"({"error":")"},
                                   {"/nothing", R"({"error":")"},
                                   {"/v1x", R"({"error":")"},
                                   {"/indexes/a/nothing", R"({"error":{"code":")"},
                                   {"/tasks/1/x", R"({"error":{"code":")"}};

TEST_F(Refusals, UnknownPathsNameTheRoutes) {
  for (const auto& [path, start] : kShapes) {
    for (const std::string& request : {Get(path), PostJson(path, "{}")}) {
      ExpectRefused(404, request, start);
      EXPECT_THAT(Once(request).body, AllOf(HasSubstr(path), HasSubstr("/v1/embeddings (POST)"),
                                            HasSubstr("/indexes/{index}/search (GET, POST)"),
                                            HasSubstr("/ (GET, POST)"), Not(HasSubstr("/assets"))));
    }
  }
  EXPECT_THAT(Once(Get("/v1/nothing")).body,
              HasSubstr(R"("type":"invalid_request_error","param":null,"code":null)"));
  EXPECT_THAT(Once(Get("/indexes/a/nothing")).body, HasSubstr(R"("code":"not_found")"));
  EXPECT_THAT(Once(Get("/nothing")).body, HasSubstr(R"("error_type":"Validation")"));
}

TEST_F(Refusals, WrongMethodsNameTheRightOnes) {
  const FamilyShape cases[] = {{"/v1/embeddings", R"({"error":{"message":"DELETE)"},
                               {"/embed/", R"({"error":"DELETE)"},
                               {"/livez", R"({"error":"DELETE)"},
                               {"/indexes/a/search", R"({"error":{"code":"method_not_allowed")"},
                               {"/tasks", R"({"error":{"code":"method_not_allowed")"}};
  for (const auto& [path, start] : cases) {
    const std::string request = "DELETE " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    ExpectRefused(405, request, start);
    EXPECT_THAT(Once(request).headers.at("allow"), HasSubstr("OPTIONS")) << path;
  }
}

TEST_F(Refusals, PartialAndMalformedRequestsToo) {
  const std::string large(70'000, 'a');
  const auto bad = [](const std::string& path, const std::string& rest) {
    return "POST " + path + " HTTP/1.1\r\n" + rest + "\r\n";
  };
  for (const auto& [path, start] : {FamilyShape{"/v1/embeddings", R"({"error":{"message":")"},
                                    FamilyShape{"/embed", R"({"error":")"},
                                    FamilyShape{"/indexes/a/search", R"({"error":{"code":")"}}) {
    ExpectRefused(431, bad(path, "Host: a\r\nX: " + large + "\r\n"), start);
    ExpectRefused(431, bad(std::string(path) + "?" + large, "Host: a\r\n"), start);
    ExpectRefused(400, bad(path, ""), start);  // no Host
    ExpectRefused(400, bad(path, "Host: a\r\nbroken header\r\n"), start);
    ExpectRefused(400, bad(path, "Host: a\r\nContent-Length: -1\r\n"), start);
    ExpectRefused(413, bad(path, "Host: a\r\nContent-Length: 3000000000\r\n"), start);
    ExpectRefused(415, bad(path, "Host: a\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n"),
                  start);
    ExpectRefused(417, bad(path, "Host: a\r\nContent-Length: 3\r\nExpect: tea\r\n"), start);
    ExpectRefused(501, bad(path, "Host: a\r\nTransfer-Encoding: gzip\r\n"), start);
    ExpectRefused(400, bad(path, "Host: a\r\nTransfer-Encoding: chunked\r\n") + "zz\r\nabc\r\n",
                  start);
    ExpectRefused(406, bad(path, "Host: a\r\nContent-Length: 0\r\nAccept-Encoding: *;q=0\r\n"),
                  start);
    ExpectRefused(403, bad(path, "Host: a\r\nOrigin: https://x.test\r\n"), start);
  }
  for (const char* broken : {"broken\r\n\r\n", "\x16\x03\x01\x02", "GET\r\n\r\n", "GET "}) {
    SocketClient client(server_->port());
    client.Send(broken);
    client.CloseSending();
    const std::string answer = client.ReadToEnd();
    if (!answer.empty()) EXPECT_THAT(answer, HasSubstr("application/json")) << broken;
  }
}

TEST_F(Refusals, SlowAndDroppedRequestsToo) {
  http::Router router;
  api::AddRoutes(&context_, router);
  router.Add("GET", "/v1/dropped", [](http::Request, http::Responder) {});
  router.Add("GET", "/v1/dropped-aside", [](http::Request, http::Responder responder) {
    std::thread([r = std::move(responder)] {}).detach();
  });
  constexpr std::chrono::milliseconds kShort(100);
  auto server = http::Server::Start({.host = "127.0.0.1",
                                     .port = 0,
                                     .header_timeout = kShort,
                                     .body_timeout = kShort,
                                     .refuse = api::RefusalResponse},
                                    std::move(router));
  ASSERT_TRUE(server.ok()) << server.error().message;
  for (const char* rest : {"Ho", "Host: a\r\nContent-Length: 9\r\n\r\n{"}) {
    SocketClient client((*server)->port());
    const ClientResponse response =
        client.Call("POST /v1/embeddings HTTP/1.1\r\n" + std::string(rest));
    EXPECT_EQ(response.status, 408) << rest;
    EXPECT_THAT(response.body, StartsWith(R"({"error":{"message":")")) << rest;
  }
  for (const char* path : {"/v1/dropped", "/v1/dropped-aside"}) {
    SocketClient client((*server)->port());
    const ClientResponse response = client.Call(Get(path));
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_THAT(response.body,
                HasSubstr(R"("message":"the request was dropped","type":"server_error")"));
    EXPECT_EQ(response.headers.at("retry-after"), "1");
  }
}

TEST_F(Refusals, LonePercentOutsideOfParameters) {
  ExpectRefused(400, Get("/v1/models/100%"), R"({"error":{"message":"the path has a %)");
  ExpectRefused(400, Get("/embed%"), R"({"error":"the path has a %)");
  ExpectRefused(400, Get("/indexes/%zz"), R"({"error":{"code":"invalid_argument")");
}

TEST_F(Refusals, ThePagesFilesSpeakPlainly) {
  for (const char* path : {"/assets/nothing.js", "/assets/a/b/c"}) {
    const ClientResponse response = Once(Get(path));
    EXPECT_EQ(response.status, 404);
    EXPECT_THAT(response.headers.at("content-type"), StartsWith("text/plain")) << path;
  }
}

TEST_F(Refusals, SlashesMakeNoDifference) {
  for (const char* path : {"/embed", "/embed/", "//embed", "/embed//", "//"}) {
    EXPECT_EQ(Post(path, R"({"inputs":"ab"})").body, "[[2,0,0,1]]") << path;
  }
  EXPECT_EQ(Post("//v1//embeddings/", R"({"input":"ab"})").status, 200);
  EXPECT_EQ(GetPath("/livez/").status, 200);
  EXPECT_EQ(GetPath("//").headers.at("content-type"), "text/html; charset=utf-8");
  AddAll("docs", R"([{"id":"a","title":"one"}])");
  EXPECT_EQ(GetPath("/indexes/docs/").status, 200);
  EXPECT_EQ(Ids(GetPath("//indexes/docs//search/?q=one&semantic_ratio=0")), "a");
  EXPECT_EQ(Ids(GetPath("/indexes/docs/documents/")), "a");
}

}  // namespace
}  // namespace minnow
