// SPDX-License-Identifier: Apache-2.0
// The page's routes without a socket: headers, versions, who gets HTML and who JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "api/routes.h"
#include "api/web_files.h"

namespace minnow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Sink : public http::ResponseSink {
 public:
  explicit Sink(http::Response* out) : out_(out) {}
  void Deliver(http::Response response) override { *out_ = std::move(response); }
  void Begin(http::Response head) override { *out_ = std::move(head); }
  bool Write(std::string_view piece) noexcept override {
    out_->body += piece;
    return true;
  }
  void End() noexcept override {}
  void Drop(std::unique_ptr<ResponseSink>) noexcept override {}

 private:
  http::Response* out_;
};

std::string HeaderOf(const http::Response& response, std::string_view name) {
  for (const http::Header& header : response.headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

class Page : public ::testing::Test {
 protected:
  Page() { AddPageRoutes(router_); }

  static http::Response Ask(const http::Router& router, const std::string& path,
                            std::vector<http::Header> headers = {}) {
    http::Response response;
    http::Router::Match match = router.Find("GET", path);
    EXPECT_NE(match.handler, nullptr) << path;
    if (match.handler == nullptr) return response;
    EXPECT_TRUE(match.options.open) << path;
    http::Request request;
    request.method = "GET";
    request.path = path;
    request.parameters = std::move(match.parameters);
    request.headers = std::move(headers);
    (*match.handler)(std::move(request), http::Responder(std::make_unique<Sink>(&response)));
    return response;
  }
  http::Response Ask(const std::string& path, std::vector<http::Header> headers = {}) const {
    return Ask(router_, path, std::move(headers));
  }

  http::Router router_;
};

TEST_F(Page, IsHtmlUnderAPolicy) {
  const http::Response response = Ask("/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(response.body, HasSubstr("<!doctype html>"));
  EXPECT_EQ(HeaderOf(response, "Cache-Control"), "no-cache");
  EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff");
  const std::string policy = HeaderOf(response, "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'self';"));
  EXPECT_THAT(policy, HasSubstr("img-src 'self' blob:;"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

TEST_F(Page, NamesOnlyFilesThatAreThere) {
  const std::string html = Ask("/").body;
  size_t found = 0;
  for (size_t at = html.find("\"/assets/"); at != std::string::npos;
       at = html.find("\"/assets/", at + 1)) {
    const std::string path = html.substr(at + 1, html.find('"', at + 1) - at - 1);
    const http::Response response = Ask(path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_THAT(HeaderOf(response, "Cache-Control"), HasSubstr("immutable")) << path;
    EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff") << path;
    ++found;
  }
  EXPECT_GE(found, 4u);
}

TEST_F(Page, NoFileNamesAnotherServer) {
  // The icon's and the code's names of namespaces are no addresses.
  for (const WebFile& file : WebFiles()) {
    std::string text(file.bytes);
    for (size_t at = text.find("http://www.w3.org/2000/svg"); at != std::string::npos;
         at = text.find("http://www.w3.org/2000/svg")) {
      text.replace(at, 26, "");
    }
    for (const char* bad :
         {"src=\"http", "href=\"http", "url(http", "fetch(\"http", "innerHTML ="}) {
      EXPECT_THAT(text, Not(HasSubstr(bad))) << file.name;
    }
  }
}

TEST_F(Page, EveryFileHasATypeAndATag) {
  ASSERT_GE(WebFiles().size(), 10u);
  for (const WebFile& file : WebFiles()) {
    if (file.name == "index.html") continue;
    const http::Response response = Ask("/assets/" + std::string(file.name));
    EXPECT_EQ(response.status, 200) << file.name;
    EXPECT_EQ(response.body, file.bytes) << file.name;
    EXPECT_FALSE(response.content_type.empty());
    // Asked for without the version, it may change.
    EXPECT_EQ(HeaderOf(response, "Cache-Control"), "no-cache");
    EXPECT_EQ(HeaderOf(response, "ETag"), "\"" + std::string(file.sha256) + "\"");
  }
  EXPECT_EQ(Ask("/assets/app.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(Ask("/favicon.ico").content_type, "image/svg+xml");
}

TEST_F(Page, UnknownFilesAreNotFound) {
  EXPECT_EQ(Ask("/assets/nothing.js").status, 404);
  EXPECT_EQ(Ask("/assets/index.html").status, 404);
  EXPECT_EQ(Ask("/assets/..%2Findex.html").status, 404);
}

TEST_F(Page, OldVersionsGetTheFileOfToday) {
  const http::Response response = Ask("/assets/000000000000/app.js");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "Cache-Control"), "no-cache");
}

TEST_F(Page, IsNotSentTwice) {
  for (const char* path : {"/", "/assets/app.js", "/favicon.ico"}) {
    const http::Response first = Ask(path);
    const std::string tag = HeaderOf(first, "ETag");
    ASSERT_FALSE(tag.empty()) << path;
    for (const std::string& known : {tag, "W/" + tag, "\"x\", " + tag, std::string("*")}) {
      const http::Response again = Ask(path, {{"If-None-Match", known}});
      EXPECT_EQ(again.status, 304) << path << " " << known;
      EXPECT_EQ(again.body, "");
      EXPECT_EQ(HeaderOf(again, "ETag"), tag);
    }
    EXPECT_EQ(Ask(path, {{"If-None-Match", "\"x\""}}).status, 200);
  }
}

TEST_F(Page, JsonGoesToProgramsWhereThereIsAny) {
  http::Router router;
  AddPageRoutes(router, [](http::Request, http::Responder responder) {
    http::Response response;
    response.content_type = "application/json";
    responder.Send(std::move(response));
  });
  const auto type = [&router](const char* accept) {
    return Ask(router, "/", {{"Accept", accept}}).content_type;
  };
  EXPECT_EQ(type("application/json"), "application/json");
  EXPECT_EQ(type("*/*"), "application/json");
  EXPECT_EQ(Ask(router, "/").content_type, "application/json");
  EXPECT_EQ(type("text/html;q=0.5, application/json"), "application/json");
  EXPECT_EQ(type("application/json, text/html;q=0.9, */*"), "application/json");
  EXPECT_EQ(type("text/html;q=nonsense"), "application/json");
  const char* html = "text/html; charset=utf-8";
  EXPECT_EQ(type("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), html);
  EXPECT_EQ(type("TEXT/HTML"), html);
  EXPECT_EQ(type("text/html;level=1;Q=0.5, application/json ; q=0.4"), html);
  EXPECT_EQ(Ask(router, "/", {{"Accept", "application/json;q=0.5"}, {"Accept", "text/html"}})
                .content_type,
            html);
  EXPECT_EQ(type("application/json;q=0.1, text/*"), html);
  EXPECT_EQ(HeaderOf(Ask(router, "/", {{"Accept", "text/html"}}), "Vary"), "Accept");
}

}  // namespace
}  // namespace minnow::api
