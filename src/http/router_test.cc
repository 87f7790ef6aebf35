// SPDX-License-Identifier: Apache-2.0
// Tests of routing, request targets, percent-decoding and the response head.
#include "http/router.h"

#include <gtest/gtest.h>

#include <utility>

#include "http/message.h"
#include "http/url.h"

namespace minnow::http {
namespace {

Router TestRouter() {
  Router router;
  const Handler nothing = [](Request, Responder) {};
  router.Add("GET", "/health", nothing);
  router.Add("POST", "/embed", nothing);
  router.Add("GET", "/docs/{id}", nothing);
  router.Add("GET", "/docs/all", nothing);
  router.Add("POST", "/v2/models/{model}/infer", nothing);
  router.Add("GET", "/", nothing);
  return router;
}

TEST(Router, LiteralPath) {
  const Router router = TestRouter();
  EXPECT_NE(router.Find("GET", "/health").handler, nullptr);
  EXPECT_NE(router.Find("GET", "/").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "/healthz").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "/health/x").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "/healthz").allow, "");
}

TEST(Router, SlashesBeyondTheNeededMakeNoDifference) {
  const Router router = TestRouter();
  for (const char* path : {"/health/", "//health", "///health//"}) {
    EXPECT_NE(router.Find("GET", path).handler, nullptr) << path;
    EXPECT_EQ(router.Find("POST", path).allow, "GET, HEAD, OPTIONS") << path;
  }
  EXPECT_NE(router.Find("GET", "//").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "//docs//7/").parameters.at(0).value, "7");
  EXPECT_EQ(router.Find("GET", "/docs/").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "/docs//").allow, "");
}

TEST(Router, DescribesWhatIsListed) {
  Router router;
  const Handler nothing = [](Request, Responder) {};
  router.Add("POST", "/a", nothing);
  router.Add("GET", "/a", nothing);
  router.Add("GET", "/icon", nothing, {.listed = false});
  router.Add("GET", "/in/{name}/{rest*}", nothing);
  EXPECT_EQ(router.Describe(), "/a (GET, POST), /in/{name}/{rest*} (GET)");
}

TEST(Router, HeadIsGet) {
  const Router router = TestRouter();
  EXPECT_EQ(router.Find("HEAD", "/health").handler, router.Find("GET", "/health").handler);
  EXPECT_EQ(router.Find("HEAD", "/embed").handler, nullptr);
}

TEST(Router, MethodNotAllowedNamesMethods) {
  const Router router = TestRouter();
  const Router::Match match = router.Find("PUT", "/embed");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.allow, "POST, OPTIONS");
  EXPECT_EQ(router.Find("DELETE", "/health").allow, "GET, HEAD, OPTIONS");
}

TEST(Router, Parameters) {
  const Router router = TestRouter();
  const Router::Match match = router.Find("GET", "/docs/a%2Fb+%C5%82");
  ASSERT_NE(match.handler, nullptr);
  ASSERT_EQ(match.parameters.size(), 1u);
  EXPECT_EQ(match.parameters[0].name, "id");
  EXPECT_EQ(match.parameters[0].value, "a/b+\xC5\x82");
  EXPECT_TRUE(router.Find("GET", "/docs/all").parameters.empty());
  EXPECT_EQ(router.Find("GET", "/docs/").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "/docs/a/b").handler, nullptr);
  EXPECT_NE(router.Find("POST", "/v2/models/m/infer").handler, nullptr);
  EXPECT_EQ(router.Find("POST", "/v2/models//infer").handler, nullptr);
}

TEST(Router, RestTakesWhatIsLeft) {
  Router router;
  const Handler nothing = [](Request, Responder) {};
  router.Add("GET", "/files", nothing);
  router.Add("GET", "/files/{name*}", nothing);
  const std::pair<const char*, const char*> cases[] = {{"/files/", ""},
                                                       {"/files/a", "a"},
                                                       {"/files/a/b%2Fc/", "a/b/c/"},
                                                       {"/files//", "/"},
                                                       {"/files/a+%20*", "a+ *"}};
  for (const auto& [path, name] : cases) {
    const Router::Match match = router.Find("GET", path);
    ASSERT_EQ(match.parameters.size(), 1u) << path;
    EXPECT_EQ(match.parameters[0].name, "name");
    EXPECT_EQ(match.parameters[0].value, name) << path;
  }
  EXPECT_TRUE(router.Find("GET", "/files").parameters.empty());
  EXPECT_NE(router.Find("GET", "/files").handler, nullptr);
  EXPECT_EQ(router.Find("GET", "/filesx/a").handler, nullptr);
  EXPECT_TRUE(router.Find("GET", "/files/%4").malformed);
}

TEST(Router, LaterPatternMayHaveTheMethod) {
  Router router;
  const Handler nothing = [](Request, Responder) {};
  router.Add("POST", "/in/{name}/docs/delete", nothing);
  router.Add("GET", "/in/{name}/docs/{id}", nothing);
  router.Add("DELETE", "/in/{name}/docs/{id}", nothing);
  EXPECT_EQ(router.Find("POST", "/in/a/docs/delete").parameters.size(), 1u);
  const Router::Match get = router.Find("GET", "/in/a/docs/delete");
  ASSERT_EQ(get.parameters.size(), 2u);
  EXPECT_EQ(get.parameters[1].value, "delete");
  const Router::Match put = router.Find("PUT", "/in/a/docs/delete");
  EXPECT_EQ(put.handler, nullptr);
  EXPECT_EQ(put.allow, "POST, DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(router.Find("PUT", "/in/a/docs/x").allow, "DELETE, GET, HEAD, OPTIONS");
}

TEST(Router, OptionsOfARoute) {
  Router router;
  const Handler nothing = [](Request, Responder) {};
  router.Add("GET", "/a", nothing, {.open = true});
  router.Add("POST", "/a", nothing, {.body_limit_bytes = 7});
  EXPECT_TRUE(router.Find("HEAD", "/a").options.open);
  EXPECT_FALSE(router.Find("POST", "/a").options.open);
  EXPECT_EQ(router.Find("POST", "/a").options.body_limit_bytes, 7u);
  EXPECT_FALSE(router.Find("PUT", "/a").options.open);
  EXPECT_FALSE(router.Find("GET", "/b").options.open);
}

TEST(Router, BadPercentEncodingIsMalformed) {
  const Router router = TestRouter();
  for (const char* path : {"/docs/%", "/docs/%4", "/docs/%zz", "/docs/x%"}) {
    EXPECT_TRUE(router.Find("GET", path).malformed) << path;
  }
}

TEST(Url, SplitTarget) {
  EXPECT_EQ(SplitTarget("/a?b=c?d")->path, "/a");
  EXPECT_EQ(SplitTarget("/a?b=c?d")->query, "b=c?d");
  EXPECT_EQ(SplitTarget("http://host:80/a?b")->path, "/a");
  EXPECT_EQ(SplitTarget("HTTP://host")->path, "/");
  EXPECT_EQ(SplitTarget("http://host?x")->path, "/");
  EXPECT_EQ(SplitTarget("*")->path, "*");
  EXPECT_EQ(SplitTarget("/a#b")->path, "/a");
  EXPECT_FALSE(SplitTarget("").has_value());
  EXPECT_FALSE(SplitTarget("a/b").has_value());
  EXPECT_FALSE(SplitTarget("host:443").has_value());
}

TEST(Router, ALonePercentStaysWhereTheRouteSaysSo) {
  Router router;
  const Handler handler = [](Request, Responder) {};
  router.Add("GET", "/q/{query}", handler, {.lone_percent = true});
  router.Add("GET", "/docs/{id}", handler);
  router.Add("GET", "/files/{path*}", handler, {.lone_percent = true});
  for (const auto& [path, value] : {std::pair("/q/100%", "100%"),
                                    {"/q/80%%20of", "80% of"},
                                    {"/q/%", "%"},
                                    {"/q/%4", "%4"},
                                    {"/q/%zz%41", "%zzA"},
                                    {"/q/%25%", "%%"},
                                    {"/files/a%/b%2Fc", "a%/b/c"}}) {
    const auto match = router.Find("GET", path);
    ASSERT_NE(match.handler, nullptr) << path;
    EXPECT_FALSE(match.malformed);
    EXPECT_EQ(match.parameters.at(0).value, value);
  }
  EXPECT_TRUE(router.Find("GET", "/docs/100%").malformed);
  EXPECT_TRUE(router.Find("GET", "/100%").malformed);
  EXPECT_EQ(router.Find("POST", "/q/100%").allow, "GET, HEAD, OPTIONS");
}

TEST(Url, PercentDecode) {
  EXPECT_EQ(PercentDecode("a%20b%2fc+"), "a b/c+");
  EXPECT_EQ(PercentDecode("%00"), std::string(1, '\0'));
  EXPECT_EQ(PercentDecode(""), "");
  EXPECT_FALSE(PercentDecode("%").has_value());
  EXPECT_FALSE(PercentDecode("%1").has_value());
  EXPECT_FALSE(PercentDecode("%g1").has_value());
}

TEST(Url, SplitPath) {
  using Segments = std::vector<std::string_view>;
  EXPECT_EQ(SplitPath("/"), Segments{""});
  EXPECT_EQ(SplitPath("/a/b"), (Segments{"a", "b"}));
  EXPECT_EQ(SplitPath("/a/"), (Segments{"a", ""}));
}

TEST(Message, HeaderLookupIgnoresCase) {
  Request request;
  request.headers = {{"Content-Type", "a"}, {"content-type", "b"}};
  EXPECT_EQ(request.FindHeader("CONTENT-TYPE"), "a");
  EXPECT_EQ(request.FindHeader("x"), "");
}

TEST(Message, HeadCannotBeSplitByAHeaderValue) {
  Response response;
  response.headers.push_back({"x-echo", "a\r\nset-cookie: b"});
  const std::string head = FormatHead(response, true, "now");
  EXPECT_EQ(head.find("\r\nset-cookie"), std::string::npos);
  EXPECT_NE(head.find("x-echo: a  set-cookie: b\r\n"), std::string::npos);
}

TEST(Message, NoContentHasNoLength) {
  Response response;
  response.status = 204;
  EXPECT_EQ(FormatHead(response, true, "now").find("Content-Length"), std::string::npos);
}

}  // namespace
}  // namespace minnow::http
