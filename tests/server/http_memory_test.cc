// SPDX-License-Identifier: Apache-2.0
// The HTTP server where memory is short: bodies are counted, and there is always an answer.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "http/server.h"
#include "tests/await.h"
#include "tests/failing_memory.h"
#include "tests/server/socket_client.h"

namespace minnow {
namespace {

class HttpMemory : public ::testing::Test {
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
    router.Add("GET", "/large", [](http::Request, http::Responder r) {
      r.Send(TextResponse(std::string(size_t{64} << 20, 'x')));
    });
    router.Add("POST", "/wait", [this](http::Request request, http::Responder r) {
      const std::lock_guard lock(mutex_);
      request_ = std::move(request);
      held_ = std::make_unique<http::Responder>(std::move(r));
    });
    server_ = http::Server::Start(options, std::move(router)).value();
  }
  // The responder of the request to /wait; its request is kept until the next.
  std::unique_ptr<http::Responder> Take() {
    std::unique_ptr<http::Responder> held;
    AwaitUntil(
        [&] {
          const std::lock_guard lock(mutex_);
          held = std::move(held_);
          return held != nullptr;
        },
        "a request");
    return held;
  }

  std::mutex mutex_;
  std::unique_ptr<http::Responder> held_;
  http::Request request_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(HttpMemory, AnswersWithoutMemoryToo) {
  if (!FailingMemory::Works()) GTEST_SKIP() << "sanitizers have their own operator new";
  Start({.drain_timeout = std::chrono::milliseconds(100)});
  SocketClient client(server_->port());
  for (const bool send : {false, true}) {
    client.Send(PostJson("/wait", "x"));
    auto item = Take();
    ASSERT_NE(item, nullptr);
    // Long enough to get a header more, for which there is no memory.
    http::Response answer = TextResponse(std::string(10'000, 'x'));
    {
      const FailingMemory failing;
      try {
        http::Responder responder(std::move(*item));
        if (send) responder.Send(std::move(answer));
      } catch (const std::bad_alloc&) {
      }
    }
    EXPECT_EQ(client.Read().status, 503) << send;
  }
  EXPECT_EQ(client.Call(Get("/hello")).status, 200);
  // Nor does it matter whether the connection and the server are still there.
  client.Send(PostJson("/wait", "x"));
  auto item = Take();
  ASSERT_NE(item, nullptr);
  client.Close();
  server_.reset();
  const FailingMemory failing;
  item.reset();
}

TEST_F(HttpMemory, LargeBodiesAreCountedAsMemory) {
  constexpr size_t kLarge = 500'000;
  const auto memory = std::make_shared<MemoryBudget>(2 * kLarge - 1);
  Start({.memory = memory});
  SocketClient held(server_->port()), client(server_->port());
  held.Send(PostJson("/wait", std::string(kLarge, 'x')));
  auto item = Take();
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(memory->used(), kLarge);
  const ClientResponse refused = client.Call(PostJson("/echo", std::string(kLarge, 'x')));
  EXPECT_EQ(refused.status, 429);
  SocketClient other(server_->port());
  EXPECT_EQ(other.Call(PostJson("/echo", std::string(60'000, 'x'))).status, 200) << "small";
  item->Send(TextResponse("done"));
  request_ = {};
  EXPECT_EQ(held.Read().body, "done");
  EXPECT_EQ(other.Call(PostJson("/echo", std::string(kLarge - 1, 'x'))).status, 200);
  AwaitUntil([&] { return memory->used() == 0; }, "all bodies to be given back");
  // An answer of 64 MiB is over the limit by itself, and is given all the same.
  EXPECT_EQ(other.Call(Get("/large")).body.size(), size_t{64} << 20);
  AwaitUntil([&] { return memory->used() == 0; }, "the answer to be given back");
}

}  // namespace
}  // namespace minnow
