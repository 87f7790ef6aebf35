// SPDX-License-Identifier: Apache-2.0
// Tests of API keys and cross-origin rules.
#include "http/access.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace minnow::http {
namespace {

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    const Handler nothing = [](Request, Responder) {};
    router_.Add("GET", "/health", nothing, {.open = true});
    router_.Add("GET", "/docs", nothing);
    router_.Add("POST", "/docs", nothing);
  }

  Access NewAccess() const { return *Access::Make(options_, refuse_); }
  // The status of the early answer; 0: passed.
  int Check(const std::string& method, const std::string& path, std::vector<Header> headers) {
    Request request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    request.headers.push_back({"Host", "search.test:8080"});
    answer_ = NewAccess().Check(request, router_.Find(method, path));
    return answer_.has_value() ? answer_->status : 0;
  }
  std::string AnswerHeader(const std::string& name) const {
    for (const Header& header : answer_->headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }

  Router router_;
  AccessOptions options_;
  RefusalWriter refuse_ = PlainRefusal;
  std::optional<Response> answer_;
};

TEST_F(AccessTest, OpenWithoutKeys) {
  EXPECT_EQ(Check("GET", "/docs", {}), 0);
  EXPECT_EQ(Check("POST", "/docs", {}), 0);
  EXPECT_EQ(Check("GET", "/nothing", {}), 0);
}

TEST_F(AccessTest, KeysAreAskedFor) {
  options_.api_keys = {"secret", "other"};
  EXPECT_EQ(Check("GET", "/docs", {{"authorization", "Bearer secret"}}), 0);
  EXPECT_EQ(Check("GET", "/docs", {{"Authorization", "bearer  other"}}), 0);
  EXPECT_EQ(Check("GET", "/docs", {{"X-API-Key", "secret"}}), 0);
  EXPECT_EQ(Check("GET", "/health", {}), 0);
  for (const char* wrong : {"", "Bearer", "Bearer ", "Bearer secre", "Bearer secret2",
                            "Bearer Secret", "Basic secret", "secret", "Bearersecret"}) {
    EXPECT_EQ(Check("GET", "/docs", {{"Authorization", wrong}}), 401) << wrong;
    EXPECT_EQ(AnswerHeader("WWW-Authenticate"), "Bearer");
  }
  EXPECT_EQ(Check("GET", "/docs", {}), 401);
  EXPECT_EQ(Check("GET", "/nothing", {}), 401);
  EXPECT_EQ(Check("OPTIONS", "/docs", {}), 401);
}

TEST_F(AccessTest, UnauthorizedHasTheCallersShape) {
  options_.api_keys = {"secret"};
  refuse_ = [](std::string_view path, int status, std::string_view) {
    Response response = PlainResponse(status);
    response.body = path;
    return response;
  };
  EXPECT_EQ(Check("GET", "/docs", {}), 401);
  EXPECT_EQ(answer_->body, "/docs");
}

TEST_F(AccessTest, KeysOutOfFilesHaveLineEnds) {
  options_.api_keys = {"secret\n", " other\r\n"};
  EXPECT_EQ(Check("GET", "/docs", {{"Authorization", "Bearer secret"}}), 0);
  EXPECT_EQ(Check("GET", "/docs", {{"X-API-Key", "other"}}), 0);
  EXPECT_EQ(Check("GET", "/docs", {{"X-API-Key", ""}}), 401);
  options_.api_keys = {"secret", " \n"};
  EXPECT_FALSE(Access::Make(options_).ok());
}

TEST_F(AccessTest, EqualInConstantTime) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
  EXPECT_FALSE(EqualInConstantTime(std::string("a\0b", 3), std::string("a\0c", 3)));
}

TEST_F(AccessTest, Preflight) {
  const std::vector<Header> preflight = {
      {"Origin", "https://page.test"},
      {"Access-Control-Request-Method", "POST"},
      {"Access-Control-Request-Headers", "content-type, x-api-key"}};
  // Nobody is allowed: an OPTIONS request as any other.
  EXPECT_EQ(Check("OPTIONS", "/docs", preflight), 0);
  options_.api_keys = {"secret"};
  options_.cors_origins = {"https://page.test"};
  EXPECT_EQ(Check("OPTIONS", "/docs", preflight), 204) << "a preflight carries no key";
  EXPECT_EQ(AnswerHeader("Access-Control-Allow-Methods"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(AnswerHeader("Access-Control-Allow-Headers"), "content-type, x-api-key");
  EXPECT_EQ(Check("OPTIONS", "/nothing", preflight), 401);
  options_.cors_origins = {"https://other.test"};
  EXPECT_EQ(Check("OPTIONS", "/docs", preflight), 401);
}

TEST_F(AccessTest, PublicPagesMayReachAPrivateNetworkWhereNamed) {
  const std::vector<Header> preflight = {{"Origin", "https://page.test"},
                                         {"Access-Control-Request-Method", "POST"},
                                         {"Access-Control-Request-Private-Network", "true"}};
  options_.cors_origins = {"https://*.test"};
  EXPECT_EQ(Check("OPTIONS", "/docs", preflight), 204);
  EXPECT_EQ(AnswerHeader("Access-Control-Allow-Private-Network"), "true");
  options_.cors_origins = {"*"};
  EXPECT_EQ(Check("OPTIONS", "/docs", preflight), 204);
  EXPECT_EQ(AnswerHeader("Access-Control-Allow-Private-Network"), "") << "any page at all";
}

TEST_F(AccessTest, PagesOfOtherOriginsChangeNothing) {
  const Header origin = {"Origin", "http://evil.test"};
  EXPECT_EQ(Check("GET", "/docs", {origin}), 0);
  EXPECT_EQ(Check("POST", "/docs", {origin}), 403);
  EXPECT_EQ(answer_->body,
            "Forbidden: pages of another origin, http://evil.test, may not ask here: "
            "--cors-allow-origin lets them\n");
  EXPECT_EQ(Check("POST", "/docs", {{"Origin", "null"}}), 403);
  EXPECT_EQ(Check("POST", "/docs", {{"Origin", "http://search.test:8080"}}), 0);
  EXPECT_EQ(Check("POST", "/docs", {{"Origin", "http://search.test"}}), 403);
  EXPECT_EQ(Check("POST", "/docs", {{"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(Check("POST", "/docs", {{"Sec-Fetch-Site", "same-site"}}), 403);
  EXPECT_EQ(Check("POST", "/docs", {{"Sec-Fetch-Site", "same-origin"}, origin}), 0)
      << "behind a proxy the Host may differ; the browser knows better";
  EXPECT_EQ(Check("POST", "/docs", {{"Sec-Fetch-Site", "none"}}), 0);
  options_.cors_origins = {"http://evil.test"};
  EXPECT_EQ(Check("POST", "/docs", {origin, {"Sec-Fetch-Site", "cross-site"}}), 0);
  options_.cors_origins = {"*"};
  EXPECT_EQ(Check("POST", "/docs", {origin}), 0);
}

TEST_F(AccessTest, HeadersOfAnAnswer) {
  options_.cors_origins = {"https://page.test"};
  const Access access = NewAccess();
  Request request;
  EXPECT_EQ(access.AllowedOrigin(request), "");
  request.headers = {{"Origin", "https://PAGE.test"}};
  EXPECT_EQ(access.AllowedOrigin(request), "https://PAGE.test");
  answer_ = PlainResponse(200);
  answer_->headers = {{"x-total-time", "3"}, {"Retry-After", "1"}, {"X-Other", "1"}};
  access.AddHeaders("https://PAGE.test", *answer_);
  EXPECT_EQ(AnswerHeader("Access-Control-Allow-Origin"), "https://PAGE.test");
  EXPECT_EQ(AnswerHeader("Access-Control-Expose-Headers"), "x-total-time, X-Other");
  EXPECT_EQ(AnswerHeader("Vary"), "Origin");
  // A cache must not give this one to the page.
  answer_ = PlainResponse(200);
  access.AddHeaders("", *answer_);
  EXPECT_EQ(AnswerHeader("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(AnswerHeader("Vary"), "Origin");
  options_.cors_origins = {"*"};
  EXPECT_EQ(NewAccess().AllowedOrigin(request), "*");
  answer_ = PlainResponse(200);
  NewAccess().AddHeaders("*", *answer_);
  EXPECT_EQ(AnswerHeader("Vary"), "");
}

}  // namespace
}  // namespace minnow::http
