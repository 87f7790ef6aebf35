// SPDX-License-Identifier: Apache-2.0
// The HTTP server over real sockets: keep-alive, pipelining, limits, timeouts, clients that leave,
// drain.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http/server.h"
#include "tests/await.h"
#include "tests/server/shelf.h"
#include "tests/server/socket_client.h"

namespace minnow {
namespace {

using std::chrono::milliseconds;

class HttpServer : public ::testing::Test {
 protected:
  void Start(http::ServerOptions options = {}) {
    options.host = "127.0.0.1";
    options.port = 0;
    http::Router router;
    router.Add("GET", "/hello",
               [](http::Request, http::Responder r) { r.Send(TextResponse("hello")); });
    router.Add("POST", "/echo", [](http::Request request, http::Responder r) {
      r.Send(TextResponse(std::move(request.body)));
    });
    router.Add("POST", "/thread", [](http::Request request, http::Responder r) {
      std::thread([body = std::move(request.body), r = std::move(r)]() mutable {
        r.Send(TextResponse(std::move(body)));
      }).detach();
    });
    router.Add("GET", "/name/{name}", [](http::Request request, http::Responder r) {
      r.Send(TextResponse(std::string(request.Parameter("name"))));
    });
    router.Add("GET", "/dropped", [](http::Request, http::Responder) {});
    router.Add("GET", "/throws",
               [](http::Request, http::Responder) { throw std::runtime_error("broken"); });
    router.Add("GET", "/large", [](http::Request, http::Responder r) {
      r.Send(TextResponse(std::string(size_t{64} << 20, 'x')));
    });
    router.Add("POST", "/wait", [shelf = shelf_](http::Request request, http::Responder r) {
      shelf->Put(std::move(request), std::move(r));
    });
    auto server = http::Server::Start(options, std::move(router));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
  }

  void ExpectAlive() {
    SocketClient client(server_->port());
    EXPECT_EQ(client.Call(Get("/hello")).body, "hello");
  }

  std::shared_ptr<Shelf> shelf_ = std::make_shared<Shelf>();
  std::unique_ptr<http::Server> server_;
};

TEST_F(HttpServer, KeepAlive1000Requests) {
  Start();
  SocketClient client(server_->port());
  for (int i = 0; i < 1000; ++i) {
    const std::string body = "body " + std::to_string(i);
    const ClientResponse response = client.Call(PostJson(i % 2 == 0 ? "/echo" : "/thread", body));
    ASSERT_EQ(response.status, 200) << i;
    ASSERT_EQ(response.body, body);
    ASSERT_EQ(response.headers.at("connection"), "keep-alive");
  }
  EXPECT_EQ(server_->counters().accepted_connections, 1u);
  EXPECT_EQ(server_->counters().requests, 1000u);
}

TEST_F(HttpServer, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  SocketClient client(server_->port());
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests += PostJson(i % 3 == 0 ? "/thread" : "/echo", std::to_string(i));
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(client.Read().body, std::to_string(i));
}

TEST_F(HttpServer, RequestInSmallPieces) {
  Start();
  SocketClient client(server_->port());
  for (const char c : PostJson("/echo", "slow but sure")) ASSERT_TRUE(client.Send({&c, 1}));
  EXPECT_EQ(client.Read().body, "slow but sure");
}

TEST_F(HttpServer, HeadHasLengthButNoBody) {
  Start();
  SocketClient client(server_->port());
  client.Send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  const ClientResponse head = client.Read(/*has_body=*/false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "5");
  EXPECT_EQ(client.Call(Get("/hello")).body, "hello");  // nothing of a body came in between
}

TEST_F(HttpServer, OptionsAndWrongMethodNameTheMethods) {
  Start();
  SocketClient client(server_->port());
  const ClientResponse options = client.Call("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("allow"), "POST, OPTIONS");
  EXPECT_EQ(client.Call("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status, 204);
  const ClientResponse wrong = client.Call(Get("/echo"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "POST, OPTIONS");
}

TEST_F(HttpServer, UnknownPathsAndParameters) {
  Start();
  SocketClient client(server_->port());
  EXPECT_EQ(client.Call(Get("/nothing")).status, 404);
  EXPECT_EQ(client.Call(Get("/name/a%2Fb?x=y")).body, "a/b");
  EXPECT_EQ(client.Call(Get("/name/%zz")).status, 400);
  EXPECT_EQ(client.Call("GET http://elsewhere/hello HTTP/1.1\r\nHost: a\r\n\r\n").body, "hello");
}

TEST_F(HttpServer, Http10ClosesUnlessAskedNotTo) {
  Start();
  SocketClient first(server_->port());
  const ClientResponse closed = first.Call("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(closed.body, "hello");
  EXPECT_EQ(closed.headers.at("connection"), "close");
  SocketClient second(server_->port());
  const ClientResponse kept = second.Call("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.headers.at("connection"), "keep-alive");
}

TEST_F(HttpServer, HandlerThatThrowsOrForgetsGives503) {
  Start();
  SocketClient client(server_->port());
  const ClientResponse dropped = client.Call(Get("/dropped"));
  EXPECT_EQ(dropped.status, 503);
  EXPECT_EQ(dropped.headers.at("retry-after"), "1");
  EXPECT_NE(dropped.body.find("dropped"), std::string::npos);
  EXPECT_EQ(client.Call(Get("/throws")).status, 503);
  EXPECT_EQ(client.Call(Get("/hello")).status, 200);
}

TEST_F(HttpServer, LargeHeaderIs431) {
  Start();
  SocketClient client(server_->port());
  const std::string big(70'000, 'a');
  EXPECT_EQ(client.Call("GET /hello HTTP/1.1\r\nHost: a\r\nX: " + big + "\r\n\r\n").status, 431);
  SocketClient second(server_->port());
  EXPECT_EQ(second.Call("GET /" + big + " HTTP/1.1\r\nHost: a\r\n\r\n").status, 431);
  SocketClient third(server_->port());
  const std::string fits(60'000, 'a');
  EXPECT_EQ(third.Call("GET /hello HTTP/1.1\r\nHost: a\r\nX: " + fits + "\r\n\r\n").status, 200);
}

TEST_F(HttpServer, LargeBodyIs413AndTheAnswerArrives) {
  Start();
  SocketClient client(server_->port());
  const ClientResponse response = client.Call(PostJson("/echo", std::string(10'000'000, 'a')));
  EXPECT_EQ(response.status, 413);
  EXPECT_NE(response.body.find("2000000"), std::string::npos);
  EXPECT_EQ(response.headers.at("connection"), "close");
  SocketClient second(server_->port());
  EXPECT_EQ(second.Call(PostJson("/echo", std::string(2'000'000, 'a'))).status, 200);
}

TEST_F(HttpServer, CompressedBodiesAreRefused) {
  Start();
  const auto post = [this](const std::string& coding) {
    SocketClient client(server_->port());
    return client.Call("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: " + coding +
                       "\r\nContent-Length: 3\r\n\r\nabc");
  };
  for (const char* coding : {"gzip", "br", "identity, gzip"}) {
    const ClientResponse response = post(coding);
    EXPECT_EQ(response.status, 415) << coding;
    EXPECT_NE(response.body.find("Content-Encoding"), std::string::npos);
  }
  EXPECT_EQ(post("Identity").body, "abc");
}

TEST_F(HttpServer, ChunkedBody) {
  Start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  SocketClient client(server_->port());
  EXPECT_EQ(client.Call(head + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").body, "abcde");
  EXPECT_EQ(client.Call(Get("/hello")).status, 200);
  std::string large = head;
  for (int i = 0; i < 40; ++i) large += "10000\r\n" + std::string(0x10000, 'a') + "\r\n";
  EXPECT_EQ(client.Call(large + "0\r\n\r\n").status, 413);
  SocketClient second(server_->port());
  EXPECT_EQ(second.Call(head + "zz\r\nabc\r\n0\r\n\r\n").status, 400);
  ExpectAlive();
}

TEST_F(HttpServer, AmbiguousFramingIsRefused) {
  Start();
  const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\n";
  for (const std::string framing :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    SocketClient client(server_->port());
    ClientResponse response = client.Call(post + framing + "\r\n0\r\n\r\n");
    EXPECT_GE(response.status, 400) << framing;
    EXPECT_LE(response.status, 501) << framing;
    EXPECT_EQ(response.headers["connection"], "close") << framing;
  }
}

TEST_F(HttpServer, HostIsDemanded) {
  Start();
  SocketClient none(server_->port());
  EXPECT_EQ(none.Call("GET /hello HTTP/1.1\r\n\r\n").status, 400);
  SocketClient two(server_->port());
  EXPECT_EQ(two.Call("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status, 400);
}

TEST_F(HttpServer, Expect100Continue) {
  Start();
  SocketClient client(server_->port());
  const std::string head =
      " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(client.Call("POST /echo" + head).status, 100);
  EXPECT_EQ(client.Call("abc").body, "abc");
  EXPECT_EQ(client.Call("POST /nothing" + head).status, 404);
  SocketClient large(server_->port());
  EXPECT_EQ(large
                .Call("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n"
                      "Expect: 100-continue\r\n\r\n")
                .status,
            413);
  SocketClient other(server_->port());
  EXPECT_EQ(other.Call("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: tea\r\n\r\n")
                .status,
            417);
}

TEST_F(HttpServer, SlowHeaderSlowBodyAndIdleTimeOut) {
  Start({.header_timeout = milliseconds(100),
         .body_timeout = milliseconds(100),
         .idle_timeout = milliseconds(150)});
  SocketClient header(server_->port());
  EXPECT_EQ(header.Call("GET /hello HTTP/1.1\r\nHo").status, 408);
  SocketClient body(server_->port());
  EXPECT_EQ(body.Call("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na").status, 408);
  SocketClient idle(server_->port());
  bool closed = false;
  EXPECT_EQ(idle.ReadToEnd(&closed), "");
  EXPECT_TRUE(closed);
}

TEST_F(HttpServer, DripFedHeaderTimesOut) {
  Start({.header_timeout = milliseconds(200)});
  SocketClient client(server_->port());
  client.Send("GET /hello HTTP/1.1\r\n");
  // A line every now and then, for as long as the server takes them.
  AwaitUntil(
      [&] {
        std::this_thread::sleep_for(milliseconds(20));
        return !client.Send("X: y\r\n") || server_->counters().open_connections == 0;
      },
      "the server to close");
}

TEST_F(HttpServer, ClientThatReadsNothingIsClosed) {
  Start({.write_timeout = milliseconds(200)});
  SocketClient client(server_->port());
  client.Send(Get("/large"));
  AwaitUntil([&] { return server_->counters().requests == 1; }, "the request");
  AwaitUntil([&] { return server_->counters().open_connections == 0; }, "the server to close");
  ExpectAlive();
}

TEST_F(HttpServer, LargeAnswerArrivesWhole) {
  Start();
  SocketClient client(server_->port());
  EXPECT_EQ(client.Call(Get("/large")).body.size(), size_t{64} << 20);
}

TEST_F(HttpServer, AnswersThatNobodyReadsAreBounded) {
  constexpr size_t kLarge = size_t{64} << 20;
  Start({.max_unread_bytes = kLarge});
  auto slow = std::make_unique<SocketClient>(server_->port());
  slow->Send(Get("/large"));
  AwaitUntil([&] { return server_->counters().requests == 1; }, "the request");
  SocketClient client(server_->port());
  const ClientResponse refused = client.Call(Get("/large"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_EQ(client.Call(Get("/hello")).body, "hello") << "small answers always are given";
  EXPECT_EQ(slow->Read().body.size(), kLarge);
  EXPECT_EQ(client.Call(Get("/large")).body.size(), kLarge) << "the other one has read";
  // Who leaves in the middle holds nothing up.
  slow->Send(Get("/large"));
  slow.reset();
  int status = 429;
  AwaitUntil([&] { return (status = client.Call(Get("/large")).status) != 429; }, "another answer");
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServer, OneAnswerIsGivenHoweverLarge) {
  Start({.max_unread_bytes = 1});
  SocketClient client(server_->port());
  EXPECT_EQ(client.Call(Get("/large")).status, 200);
  EXPECT_EQ(client.Call(Get("/large")).status, 200);
}

TEST_F(HttpServer, LongestIdleConnectionGivesWay) {
  auto warnings = std::make_shared<std::vector<std::string>>();
  Start({.max_connections = 2,
         .warn = [warnings](const std::string& text) { warnings->push_back(text); }});
  SocketClient busy(server_->port());
  busy.Send(PostJson("/wait", "x"));
  auto item = shelf_->Take();
  ASSERT_NE(item, nullptr);
  for (int i = 0; i < 20; ++i) {
    SocketClient idle(server_->port());
    ASSERT_EQ(idle.Call(Get("/hello")).body, "hello") << i;
    SocketClient silent(server_->port());
    SocketClient late(server_->port());
    ASSERT_EQ(late.Call(Get("/hello")).body, "hello") << i;
    bool closed = false;
    EXPECT_EQ(idle.ReadToEnd(&closed), "");
    EXPECT_TRUE(closed) << i;
  }
  item->responder.Send(TextResponse("done"));
  EXPECT_EQ(busy.Read().body, "done") << "what is under way is not cut off";
  server_->Stop();
  ASSERT_FALSE(warnings->empty());
  EXPECT_LT(warnings->size(), 40u) << "one line for many";
  EXPECT_EQ(warnings->front(), "connection limit 2 reached: closed 1 idle, refused 0");
}

TEST_F(HttpServer, ConnectionsOverTheLimitGet503WhereNoneIsIdle) {
  Start({.max_connections = 2});
  SocketClient first(server_->port());
  first.Send(PostJson("/wait", "x"));
  SocketClient second(server_->port());
  second.Send(PostJson("/wait", "x"));
  const auto item = shelf_->Take();
  const auto other = shelf_->Take();
  ASSERT_NE(item, nullptr);
  ASSERT_NE(other, nullptr);
  SocketClient third(server_->port());
  ClientResponse refused = third.Read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers["retry-after"], "1");
  item->responder.Send(TextResponse("done"));
  other->responder.Send(TextResponse("done"));
  EXPECT_EQ(first.Read().body, "done");
  EXPECT_EQ(second.Read().body, "done");
  ExpectAlive();
}

TEST_F(HttpServer, ClientThatLeavesCancelsItsRequest) {
  Start();
  SocketClient client(server_->port());
  client.Send(PostJson("/wait", "x"));
  auto item = shelf_->Take();
  ASSERT_NE(item, nullptr);
  EXPECT_FALSE(item->request.client->gone());
  std::this_thread::sleep_for(milliseconds(200));
  client.Close();
  AwaitUntil([&] { return item->request.client->gone(); }, "the client to be gone");
  item->responder.Send(TextResponse("nobody reads this"));
  ExpectAlive();
}

TEST_F(HttpServer, HalfClosedClientGetsItsAnswer) {
  Start();
  SocketClient client(server_->port());
  client.Send(PostJson("/wait", "x"));
  client.CloseSending();
  auto item = shelf_->Take();
  ASSERT_NE(item, nullptr);
  std::this_thread::sleep_for(milliseconds(30));
  item->responder.Send(TextResponse("late"));
  EXPECT_EQ(client.Read().body, "late");
  SocketClient cut(server_->port());
  cut.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc");
  cut.CloseSending();
  bool closed = false;
  cut.ReadToEnd(&closed);
  EXPECT_TRUE(closed);
  ExpectAlive();
}

TEST_F(HttpServer, StopAnswersWhatIsUnderWayAndClosesTheRest) {
  Start();
  SocketClient idle(server_->port());
  ASSERT_EQ(idle.Call(Get("/hello")).status, 200);
  SocketClient busy(server_->port());
  busy.Send(PostJson("/wait", "x"));
  auto item = shelf_->Take();
  ASSERT_NE(item, nullptr);
  std::thread stopper([this] { server_->Stop(); });
  bool closed = false;
  EXPECT_EQ(idle.ReadToEnd(&closed), "");
  EXPECT_TRUE(closed);
  SocketClient late(server_->port());
  EXPECT_FALSE(late.connected());
  item->responder.Send(TextResponse("done"));
  const ClientResponse response = busy.Read();
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.headers.at("connection"), "close");
  busy.Close();
  stopper.join();
}

TEST_F(HttpServer, StopGivesUpAfterItsLimitAndLateAnswersGoNowhere) {
  Start({.drain_timeout = milliseconds(100)});
  SocketClient busy(server_->port());
  busy.Send(PostJson("/wait", "x"));
  auto item = shelf_->Take();
  ASSERT_NE(item, nullptr);
  server_->Stop();  // returns, though nobody answers
  EXPECT_TRUE(item->request.client->gone());
  server_.reset();
  item->responder.Send(TextResponse("too late"));
  EXPECT_EQ(busy.Read().status, 0);
}

TEST_F(HttpServer, BindErrorsNameHostAndPort) {
  Start();
  const auto taken = http::Server::Start({.host = "127.0.0.1", .port = server_->port()}, {});
  ASSERT_FALSE(taken.ok());
  EXPECT_NE(taken.error().message.find("127.0.0.1:" + std::to_string(server_->port())),
            std::string::npos);
  const auto nonsense = http::Server::Start({.host = "nonsense", .port = 0}, {});
  ASSERT_FALSE(nonsense.ok());
  EXPECT_EQ(nonsense.error().code, Code::kInvalidArgument);
  EXPECT_NE(nonsense.error().message.find("nonsense:0"), std::string::npos);
}

TEST_F(HttpServer, ListensOnIpv6) {
  const auto server = http::Server::Start({.host = "::1", .port = 0}, {});
  if (!server.ok()) GTEST_SKIP() << "no IPv6 here: " << server.error().message;
  EXPECT_NE(server.value()->port(), 0);
}

}  // namespace
}  // namespace minnow
