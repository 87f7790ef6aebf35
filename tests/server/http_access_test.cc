// SPDX-License-Identifier: Apache-2.0
// What the HTTP server does around handlers, over real sockets: content codings, keys, origins,
// large bodies, trace headers, counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/server.h"
#include "tests/server/socket_client.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

std::string Ask(const std::string& method, const std::string& path, const std::string& headers,
                const std::string& body = "") {
  std::string out = method + " " + path + " HTTP/1.1\r\nHost: test\r\n" + headers;
  if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + body;
}

class HttpAround : public ::testing::Test {
 protected:
  static constexpr size_t kTextBytes = 20'000;
  static constexpr size_t kLargeBytes = 200'000;
  static constexpr size_t kLargestBody = 200'000;

  void Start(http::ServerOptions options = {}) {
    options.host = "127.0.0.1";
    options.port = 0;
    http::Router router;
    const auto text = [](size_t bytes) {
      http::Response response;
      response.body = std::string(bytes, 'x');
      return response;
    };
    router.Add("GET", "/text",
               [text](http::Request, http::Responder r) { r.Send(text(kTextBytes)); });
    router.Add("GET", "/large",
               [text](http::Request, http::Responder r) { r.Send(text(kLargeBytes)); });
    router.Add("GET", "/large-aside", [text](http::Request, http::Responder r) {
      std::thread([text, r = std::move(r)]() mutable { r.Send(text(kLargeBytes)); }).detach();
    });
    router.Add("GET", "/open", [text](http::Request, http::Responder r) { r.Send(text(2)); },
               {.open = true});
    router.Add("POST", "/size",
               [](http::Request request, http::Responder r) {
                 http::Response response;
                 response.body = std::to_string(request.body.size());
                 r.Send(std::move(response));
               },
               {.body_limit_bytes = kLargestBody, .body_limit_flag = "--large"});
    router.Add("POST", "/keep",
               [this](http::Request request, http::Responder r) {
                 const std::lock_guard lock(mutex_);
                 kept_.push_back(std::move(request));
                 r.Send(http::PlainResponse(200));
               },
               {.body_limit_bytes = 1000, .body_limit_flag = "--large"});
    auto server = http::Server::Start(options, std::move(router));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
  }
  ClientResponse Call(const std::string& bytes) {
    SocketClient client(server_->port());
    return client.Call(bytes);
  }

  std::mutex mutex_;
  std::vector<http::Request> kept_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(HttpAround, CodedByAcceptEncoding) {
  Start();
  const ClientResponse plain = Call(Ask("GET", "/text", ""));
  EXPECT_EQ(plain.body.size(), kTextBytes);
  EXPECT_EQ(plain.headers.count("content-encoding"), 0u);
  EXPECT_EQ(plain.headers.at("vary"), "Accept-Encoding");
  const ClientResponse gzip = Call(Ask("GET", "/text", "Accept-Encoding: br, gzip\r\n"));
  EXPECT_EQ(gzip.headers.at("content-encoding"), "gzip");
  EXPECT_LT(gzip.body.size(), 200u);
  EXPECT_EQ(gzip.body.substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(gzip.headers.at("content-length"), std::to_string(gzip.body.size()));
  const ClientResponse deflate = Call(Ask("GET", "/text", "Accept-Encoding: deflate\r\n"));
  EXPECT_EQ(deflate.headers.at("content-encoding"), "deflate");
  EXPECT_EQ(Call(Ask("GET", "/open", "Accept-Encoding: gzip\r\n")).body, "xx") << "too small";
}

TEST_F(HttpAround, HeadSaysWhatGetWould) {
  Start();
  SocketClient client(server_->port());
  const ClientResponse get = client.Call(Ask("GET", "/text", "Accept-Encoding: gzip\r\n"));
  client.Send(Ask("HEAD", "/text", "Accept-Encoding: gzip\r\n"));
  const ClientResponse head = client.Read(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), get.headers.at("content-length"));
  EXPECT_EQ(head.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(client.Call(Ask("GET", "/open", "")).body, "xx");
}

TEST_F(HttpAround, LargeBodiesAreNotCodedByTheLoop) {
  Start();
  const std::string gzip = "Accept-Encoding: gzip\r\n";
  EXPECT_EQ(Call(Ask("GET", "/large", gzip)).headers.count("content-encoding"), 0u);
  EXPECT_EQ(Call(Ask("GET", "/large-aside", gzip)).headers.at("content-encoding"), "gzip");
}

TEST_F(HttpAround, NothingAcceptableIs406) {
  Start();
  EXPECT_EQ(Call(Ask("GET", "/text", "Accept-Encoding: identity;q=0\r\n")).status, 406);
  EXPECT_EQ(Call(Ask("GET", "/text", "Accept-Encoding: br, *;q=0\r\n")).status, 406);
  EXPECT_EQ(Call(Ask("GET", "/nothing", "Accept-Encoding: *;q=0\r\n")).status, 404);
}

TEST_F(HttpAround, WithoutAKeyNoBodyIsRead) {
  Start({.access = {.api_keys = {"secret"}}});
  EXPECT_EQ(Call(Ask("GET", "/open", "")).status, 200);
  EXPECT_EQ(Call(Ask("GET", "/text", "")).status, 401);
  EXPECT_EQ(Call(Ask("GET", "/text", "Authorization: Bearer secret\r\n")).status, 200);
  SocketClient client(server_->port());
  // 900 bytes are announced; none is sent.
  const ClientResponse refused = client.Call(Ask("POST", "/size", "Content-Length: 900\r\n"));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(refused.headers.at("connection"), "close");
  // What has no body keeps its connection.
  SocketClient second(server_->port());
  EXPECT_EQ(second.Call(Ask("GET", "/text", "")).headers.at("connection"), "keep-alive");
  EXPECT_EQ(second.Call(Ask("GET", "/text", "X-API-Key: secret\r\n")).status, 200);
  EXPECT_EQ(Call(Ask("POST", "/size", "Expect: 100-continue\r\nContent-Length: 9\r\n")).status,
            401);
}

TEST_F(HttpAround, PagesOfAllowedOriginsMayReadEvenErrors) {
  Start({.body_limit_bytes = 100,
         .access = {.api_keys = {"secret"}, .cors_origins = {"https://page.test"}}});
  const std::string origin = "Origin: https://page.test\r\n";
  for (const std::string& request :
       {Ask("GET", "/open", origin), Ask("GET", "/text", origin), Ask("GET", "/nothing", origin),
        Ask("POST", "/keep", origin + "X-API-Key: secret\r\nContent-Length: 2000\r\n")}) {
    const ClientResponse response = Call(request);
    EXPECT_EQ(response.headers.at("access-control-allow-origin"), "https://page.test")
        << response.status;
  }
  EXPECT_EQ(Call(Ask("GET", "/open", "Origin: https://other.test\r\n"))
                .headers.count("access-control-allow-origin"),
            0u);
  SocketClient client(server_->port());
  client.Send(Ask("OPTIONS", "/size", origin + "Access-Control-Request-Method: POST\r\n"));
  const ClientResponse preflight = client.Read(false);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.headers.at("access-control-allow-origin"), "https://page.test");
  EXPECT_EQ(preflight.headers.at("connection"), "keep-alive");
}

TEST_F(HttpAround, ARouteMayTakeLargerBodies) {
  Start({.body_limit_bytes = 100, .body_limit_flag = "--small"});
  const std::string whole = std::to_string(kLargestBody);
  EXPECT_EQ(Call(Ask("POST", "/size", "", std::string(kLargestBody, 'b'))).body, whole);
  const auto told = [](size_t bytes, const std::string& flag) {
    return "the body: limit " + std::to_string(bytes) + " bytes (the server's " + flag + ")";
  };
  const ClientResponse large = Call(Ask("POST", "/size", "", std::string(kLargestBody + 1, 'b')));
  EXPECT_EQ(large.status, 413);
  EXPECT_THAT(large.body, HasSubstr(told(kLargestBody, "--large")));
  const ClientResponse small = Call(Ask("POST", "/text", "", std::string(101, 'b')));
  EXPECT_EQ(small.status, 413);
  EXPECT_THAT(small.body, HasSubstr(told(100, "--small")));
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  std::string chunks;
  for (int i = 0; i < 10; ++i) chunks += "4e20\r\n" + std::string(20'000, 'b') + "\r\n";
  EXPECT_EQ(Call(Ask("POST", "/size", chunked) + chunks + "0\r\n\r\n").body, whole);
  const ClientResponse cut = Call(Ask("POST", "/size", chunked) + chunks + "1\r\nb\r\n0\r\n\r\n");
  EXPECT_EQ(cut.status, 413);
  EXPECT_THAT(cut.body, HasSubstr(told(kLargestBody, "--large")));
}

TEST_F(HttpAround, LargeBodiesAreCounted) {
  Start({.body_limit_bytes = 100, .max_large_bodies = 2});
  const std::string large = Ask("POST", "/keep", "", std::string(500, 'b'));
  EXPECT_EQ(Call(large).status, 200);
  EXPECT_EQ(Call(large).status, 200);
  const ClientResponse refused = Call(large);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_EQ(Call(Ask("POST", "/keep", "", "small")).status, 200);
  {
    const std::lock_guard lock(mutex_);
    kept_.erase(kept_.begin());
  }
  EXPECT_EQ(Call(large).status, 200) << "one was let go";
}

TEST_F(HttpAround, SlowLargeBodyTimesOut) {
  Start({.body_limit_bytes = 100, .body_timeout = std::chrono::milliseconds(200)});
  SocketClient client(server_->port());
  EXPECT_EQ(client.Call(Ask("POST", "/size", "Content-Length: 900\r\n") + "some").status, 408);
  // Its place is free again.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Call(Ask("POST", "/size", "", std::string(500, 'b'))).body, "500");
  }
}

TEST_F(HttpAround, ALargeBodyMayTakeAsLongAsItsBytes) {
  constexpr int kPieces = 10;
  constexpr size_t kPieceBytes = 10'000;
  Start({.body_limit_bytes = 100, .body_timeout = std::chrono::milliseconds(1000)});
  SocketClient client(server_->port());
  client.Send(
      Ask("POST", "/size", "Content-Length: " + std::to_string(kPieces * kPieceBytes) + "\r\n"));
  for (int i = 0; i < kPieces; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(130));
    client.Send(std::string(kPieceBytes, 'b'));
  }
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, 200) << "slower than body_timeout, faster than the slowest rate";
  EXPECT_EQ(response.body, std::to_string(kPieces * kPieceBytes));
}

TEST_F(HttpAround, TraceParentComesBack) {
  Start();
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(Call(Ask("GET", "/open", "traceparent: " + trace + "\r\n")).headers.at("traceparent"),
            trace);
  for (const std::string& wrong : {std::string("x"), trace + "0", "ff" + trace.substr(2),
                                   "00-" + std::string(32, '0') + trace.substr(35)}) {
    EXPECT_EQ(
        Call(Ask("GET", "/open", "traceparent: " + wrong + "\r\n")).headers.count("traceparent"),
        0u)
        << wrong;
  }
}

TEST_F(HttpAround, CountsAndReports) {
  std::mutex mutex;
  std::vector<http::AnsweredRequest> seen;
  http::ServerOptions options;
  options.counters = std::make_shared<ServerCounters>();
  options.on_answered = [&](const http::AnsweredRequest& request) {
    const std::lock_guard lock(mutex);
    seen.push_back(request);
  };
  Start(options);
  Call(Ask("GET", "/text?a=b", ""));
  Call(Ask("GET", "/nothing", ""));
  Call("broken\r\n\r\n");
  Call(Ask("POST", "/size", "", "12345"));
  server_->Stop();
  const ServerCounters& counters = *options.counters;
  EXPECT_EQ(counters.answers[200 - 100], 2u);
  EXPECT_EQ(counters.answers[404 - 100], 1u);
  EXPECT_EQ(counters.answers[400 - 100], 1u);
  EXPECT_EQ(counters.received_body_bytes, 5u);
  EXPECT_GT(counters.sent_bytes, kTextBytes);
  EXPECT_EQ(counters.open_connections, 0u);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].method + " " + seen[0].path, "GET /text");
  EXPECT_EQ(seen[0].body_bytes, kTextBytes);
  EXPECT_GT(seen[0].took.count(), 0);
  EXPECT_EQ(seen[1].status, 404);
  EXPECT_EQ(seen[2].status, 400);
}

}  // namespace
}  // namespace minnow
