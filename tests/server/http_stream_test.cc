// SPDX-License-Identifier: Apache-2.0
// Answers that come in pieces, over real sockets: framing, clients that leave or do not read,
// drain.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/server.h"
#include "tests/await.h"
#include "tests/failing_memory.h"
#include "tests/server/shelf.h"
#include "tests/server/socket_client.h"

namespace minnow {
namespace {

using std::chrono::milliseconds;

http::Response EventHead() {
  http::Response head;
  head.content_type = "text/event-stream";
  head.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  return head;
}

class HttpStream : public ::testing::Test {
 protected:
  void Start(http::ServerOptions options = {}) {
    options.host = "127.0.0.1";
    options.port = 0;
    options.on_answered = [this](const http::AnsweredRequest& record) {
      const std::lock_guard lock(mutex_);
      records_.push_back(record);
    };
    http::Router router;
    router.Add("GET", "/hello",
               [](http::Request, http::Responder r) { r.Send(TextResponse("hello")); });
    router.Add("GET", "/abc", [](http::Request, http::Responder r) {
      http::ResponseStream stream = r.Begin(EventHead());
      for (const char* piece : {"a", "", "b", "c"}) EXPECT_TRUE(stream.Write(piece));
      stream.End();
    });
    router.Add("GET", "/empty",
               [](http::Request, http::Responder r) { r.Begin(EventHead()).End(); });
    router.Add("GET", "/stream", [this](http::Request request, http::Responder r) {
      shelf_.Put(std::move(request), std::move(r));
    });
    auto server = http::Server::Start(options, std::move(router));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
  }

  // Sends the request, and begins its answer from this thread.
  std::unique_ptr<http::ResponseStream> Begin(SocketClient& client,
                                              const std::string& request = Get("/stream")) {
    client.Send(request);
    auto item = shelf_.Take();
    if (item == nullptr) return nullptr;
    watch_ = item->request.client;
    return std::make_unique<http::ResponseStream>(item->responder.Begin(EventHead()));
  }

  void AwaitClosed() {
    AwaitUntil([&] { return server_->counters().open_connections == 0; }, "the server to close");
  }

  std::vector<http::AnsweredRequest> records() {
    const std::lock_guard lock(mutex_);
    return records_;
  }

  std::mutex mutex_;
  std::vector<http::AnsweredRequest> records_;
  Shelf shelf_;
  std::shared_ptr<ClientWatch> watch_;  // of the last request that began
  std::unique_ptr<http::Server> server_;
};

// The rest of a chunked body; nullopt where it is not whole.
std::optional<std::string> ReadChunks(SocketClient& client) {
  std::string body;
  for (;;) {
    const std::string line = client.ReadUntil("\r\n");
    if (line.size() < 3) return std::nullopt;
    const size_t size = std::stoul(line, nullptr, 16);
    std::string data;
    while (data.size() < size + 2) {
      const std::string more = client.ReadUntil("\r\n");
      if (more.empty()) return std::nullopt;
      data += more;
    }
    EXPECT_EQ(data.size(), size + 2);
    if (size == 0) return body;
    body += data.substr(0, size);
  }
}

TEST_F(HttpStream, PiecesArriveOneByOne) {
  Start();
  SocketClient client(server_->port());
  for (int round = 0; round < 2; ++round) {
    auto stream = Begin(client);
    ASSERT_NE(stream, nullptr);
    const ClientResponse head = client.Read();
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.headers.at("transfer-encoding"), "chunked");
    EXPECT_EQ(head.headers.at("content-type"), "text/event-stream");
    EXPECT_EQ(head.headers.at("x-accel-buffering"), "no");
    EXPECT_EQ(head.headers.at("connection"), "keep-alive");
    EXPECT_FALSE(head.headers.contains("content-length"));
    for (const std::string piece : {"hello", "data: 1\n\n", "seventeen letters"}) {
      ASSERT_TRUE(stream->Write(piece));
      EXPECT_EQ(
          client.ReadUntil(piece + "\r\n"),
          (piece.size() == 17 ? "11" : std::to_string(piece.size())) + "\r\n" + piece + "\r\n");
    }
    EXPECT_TRUE(records().empty() || round > 0) << "not before the end";
    stream->End();
    EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "0\r\n\r\n");
    EXPECT_EQ(client.Call(Get("/hello")).body, "hello") << "the connection goes on";
  }
  AwaitUntil([&] { return records().size() == 4; }, "the records");
  const auto all = records();
  EXPECT_EQ(all[0].path, "/stream");
  EXPECT_EQ(all[0].status, 200);
  EXPECT_EQ(all[0].body_bytes, 5u + 9u + 17u);
  EXPECT_EQ(server_->counters().accepted_connections, 1u);
  EXPECT_FALSE(watch_->gone());
}

TEST_F(HttpStream, PiecesOfOneHandlerGoTogetherAndEmptyOnesNotAtAll) {
  Start();
  SocketClient client(server_->port());
  EXPECT_EQ(client.Call(Get("/abc")).status, 200);
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(client.Call(Get("/empty")).status, 200);
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "0\r\n\r\n");
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(stream->Write(""));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_TRUE(stream->Write("x"));
  EXPECT_EQ(client.ReadUntil("x\r\n"), "1\r\nx\r\n");
  stream->End();
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(HttpStream, IsNeverCompressed) {
  Start();
  SocketClient client(server_->port());
  auto stream =
      Begin(client, "GET /stream HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, deflate\r\n\r\n");
  ASSERT_NE(stream, nullptr);
  const std::string text(10'000, 'x');
  ASSERT_TRUE(stream->Write(text));
  stream->End();
  EXPECT_FALSE(client.Read().headers.contains("content-encoding"));
  EXPECT_EQ(ReadChunks(client), text);
}

TEST_F(HttpStream, Http10EndsWithTheConnection) {
  Start();
  for (const std::string extra : {"", "Connection: keep-alive\r\n"}) {
    SocketClient client(server_->port());
    auto stream = Begin(client, "GET /stream HTTP/1.0\r\n" + extra + "\r\n");
    ASSERT_NE(stream, nullptr);
    const ClientResponse head = client.Read();
    EXPECT_EQ(head.headers.at("connection"), "close");
    EXPECT_FALSE(head.headers.contains("transfer-encoding"));
    EXPECT_FALSE(head.headers.contains("content-length"));
    ASSERT_TRUE(stream->Write("one;"));
    EXPECT_EQ(client.ReadUntil(";"), "one;");
    ASSERT_TRUE(stream->Write("two;"));
    stream->End();
    bool closed = false;
    EXPECT_EQ(client.ReadToEnd(&closed), "two;");
    EXPECT_TRUE(closed);
    EXPECT_FALSE(client.was_reset());
  }
}

TEST_F(HttpStream, HeadGetsNoBodyAndItsHandlerMayStop) {
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read(/*has_body=*/false).headers.at("transfer-encoding"), "chunked");
  AwaitUntil([&] { return watch_->gone(); }, "the handler to be told");
  EXPECT_FALSE(stream->Write("x"));
  EXPECT_EQ(client.Call(Get("/hello")).body, "hello");
  stream->End();
  client.Send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Read(/*has_body=*/false).status, 200);
  EXPECT_EQ(client.Call(Get("/hello")).body, "hello");
}

TEST_F(HttpStream, DestroyedWithoutEndIsSeenToBeNotWhole) {
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(stream->Write("a part"));
  stream.reset();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.ReadUntil("part\r\n"), "6\r\na part\r\n") << "what was written is sent";
  bool closed = false;
  EXPECT_EQ(client.ReadToEnd(&closed), "");
  EXPECT_TRUE(closed);
  SocketClient old(server_->port());
  stream = Begin(old, "GET /stream HTTP/1.0\r\n\r\n");
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(stream->Write("a part"));
  EXPECT_EQ(old.Read().status, 200);
  EXPECT_EQ(old.ReadUntil("part"), "a part");
  stream.reset();
  EXPECT_EQ(old.ReadToEnd(&closed), "");
  EXPECT_TRUE(old.was_reset()) << "an end of the connection would be an end of the body";
}

TEST_F(HttpStream, NextRequestWaitsForTheEnd) {
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client, Get("/stream") + Get("/hello"));
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  client.Send(Get("/abc"));
  std::this_thread::sleep_for(milliseconds(50));
  ASSERT_TRUE(stream->Write("first"));
  EXPECT_EQ(client.ReadUntil("first\r\n"), "5\r\nfirst\r\n");
  EXPECT_EQ(server_->counters().requests, 1u);
  ASSERT_TRUE(stream->Write("last"));
  stream->End();
  EXPECT_EQ(ReadChunks(client), "last");
  EXPECT_EQ(client.Read().body, "hello");
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(ReadChunks(client), "abc");
}

TEST_F(HttpStream, ClientThatLeavesStopsTheHandler) {
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(stream->Write("x"));
  EXPECT_EQ(client.Read().status, 200);
  std::atomic<bool> told = false;
  watch_->OnGone([&told] { told = true; });
  std::this_thread::sleep_for(milliseconds(200));  // no half-closed client
  client.Close();
  AwaitUntil([&] { return told.load(); }, "the client to be gone, without a write");
  EXPECT_FALSE(stream->Write("y"));
  AwaitClosed();
  EXPECT_FALSE(stream->Write("z"));
  ASSERT_EQ(records().size(), 1u);
  EXPECT_EQ(records()[0].body_bytes, 1u);
  stream->End();
}

TEST_F(HttpStream, ClientThatLeavesAtOnceIsNoticedByWriting) {
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  client.Close();
  AwaitUntil([&] { return !stream->Write("x"); }, "the client to be gone");
  EXPECT_TRUE(watch_->gone());
  stream.reset();
  AwaitClosed();
}

TEST_F(HttpStream, HalfClosedClientGetsItsStream) {
  Start();
  SocketClient client(server_->port());
  client.Send(Get("/stream"));
  client.CloseSending();
  auto stream = Begin(client, "");
  ASSERT_NE(stream, nullptr);
  std::this_thread::sleep_for(milliseconds(150));
  ASSERT_TRUE(stream->Write("late"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.ReadUntil("late\r\n"), "4\r\nlate\r\n");
  stream->End();
  bool closed = false;
  EXPECT_EQ(client.ReadToEnd(&closed), "0\r\n\r\n");
  EXPECT_TRUE(closed);
}

TEST_F(HttpStream, SlowReaderIsCutOffAtTheBound) {
  const auto memory = std::make_shared<MemoryBudget>();
  Start({.max_stream_bytes = 200'000, .memory = memory, .write_timeout = std::chrono::hours(1)});
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  const std::string piece(10'000, 'x');
  size_t most = 0, written = 0;
  while (stream->Write(piece)) {
    written += piece.size();
    most = std::max(most, memory->used());
    ASSERT_LT(written, size_t{1} << 30) << "no bound";
    if (written % 100'000 == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_LE(most, 200'000u);
  AwaitUntil([&] { return watch_->gone(); }, "the handler to be told");
  AwaitClosed();
  stream.reset();
  AwaitUntil([&] { return memory->used() == 0; }, "the pieces to be given back");
  EXPECT_EQ(ReadChunks(client), std::nullopt) << "not whole";
  ASSERT_EQ(records().size(), 1u);
  EXPECT_LE(records()[0].body_bytes, written);
}

TEST_F(HttpStream, ClientThatReadsNothingIsGivenUp) {
  Start({.max_stream_bytes = size_t{64} << 20, .write_timeout = milliseconds(200)});
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(stream->Write(std::string(size_t{48} << 20, 'x')));
  AwaitUntil([&] { return watch_->gone(); }, "the deadline");
  EXPECT_FALSE(stream->Write("x"));
  AwaitClosed();
}

TEST_F(HttpStream, PausesHaveNoDeadline) {
  Start({.header_timeout = milliseconds(100),
         .body_timeout = milliseconds(100),
         .idle_timeout = milliseconds(100),
         .write_timeout = milliseconds(100)});
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  for (const std::string piece : {"one", "two"}) {
    std::this_thread::sleep_for(milliseconds(400));
    ASSERT_TRUE(stream->Write(piece));
    EXPECT_EQ(client.ReadUntil(piece + "\r\n"), "3\r\n" + piece + "\r\n");
  }
  std::this_thread::sleep_for(milliseconds(400));
  stream->End();
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "0\r\n\r\n");
  stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  std::this_thread::sleep_for(milliseconds(400));
  client.Close();
  AwaitUntil([&] { return watch_->gone(); }, "the client to be gone, after a pause");
}

TEST_F(HttpStream, ManyPiecesOfManyThreads) {
  constexpr int kThreads = 4, kPieces = 2500;
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&stream, t] {
      for (int i = 0; i < kPieces; ++i) {
        EXPECT_TRUE(stream->Write(std::to_string(t) + ":" + std::to_string(i) + "\n"));
      }
    });
  }
  EXPECT_EQ(client.Read().status, 200);
  std::thread ender([&] {
    for (std::thread& thread : threads) thread.join();
    stream->End();
  });
  const auto body = ReadChunks(client);
  ender.join();
  ASSERT_TRUE(body.has_value());
  int next[kThreads] = {};
  for (size_t begin = 0; begin < body->size();) {
    const size_t end = body->find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    const int thread = (*body)[begin] - '0';
    ASSERT_TRUE(thread >= 0 && thread < kThreads);
    ASSERT_EQ(std::stoi(body->substr(begin + 2)), next[thread]++);
    begin = end + 1;
  }
  for (const int count : next) EXPECT_EQ(count, kPieces);
  EXPECT_EQ(client.Call(Get("/hello")).body, "hello");
  EXPECT_EQ(records()[0].body_bytes, body->size());
}

TEST_F(HttpStream, StopLetsAStreamEndAndClosesThen) {
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client, Get("/stream") + Get("/hello"));
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().headers.at("connection"), "keep-alive");
  std::thread stopper([this] { server_->Stop(); });
  AwaitUntil([&] { return !SocketClient(server_->port()).connected(); }, "the drain");
  EXPECT_TRUE(stream->Write("still here"));
  EXPECT_EQ(client.ReadUntil("here\r\n"), "a\r\nstill here\r\n");
  EXPECT_FALSE(watch_->gone());
  stream->End();
  bool closed = false;
  EXPECT_EQ(client.ReadToEnd(&closed), "0\r\n\r\n") << "the next request is not answered";
  EXPECT_TRUE(closed);
  client.Close();
  stopper.join();
}

TEST_F(HttpStream, StopCutsOffAtItsLimitAndLatePiecesGoNowhere) {
  Start({.drain_timeout = milliseconds(100)});
  SocketClient client(server_->port()), late(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  ASSERT_TRUE(stream->Write("x"));
  late.Send(Get("/stream"));
  auto item = shelf_.Take();
  ASSERT_NE(item, nullptr);
  server_->Stop();
  EXPECT_TRUE(watch_->gone());
  EXPECT_FALSE(stream->Write("y"));
  server_.reset();
  EXPECT_FALSE(stream->Write("z"));
  stream->End();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(ReadChunks(client), std::nullopt);
  http::ResponseStream nowhere = item->responder.Begin(EventHead());
  EXPECT_FALSE(nowhere.Write("x"));
  EXPECT_EQ(late.Read().status, 0);
}

TEST_F(HttpStream, BreaksOffWithoutMemory) {
  if (!FailingMemory::Works()) GTEST_SKIP() << "sanitizers have their own operator new";
  Start();
  SocketClient client(server_->port());
  auto stream = Begin(client);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(client.Read().status, 200);
  const std::string piece(1000, 'x');
  {
    const FailingMemory failing;
    EXPECT_FALSE(stream->Write(piece));
    stream.reset();
  }
  EXPECT_EQ(ReadChunks(client), std::nullopt);
  EXPECT_EQ(SocketClient(server_->port()).Call(Get("/hello")).body, "hello");
}

}  // namespace
}  // namespace minnow
