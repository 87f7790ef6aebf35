// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace minnow::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ParseClientUrl, TakesAddressesAndNames) {
  const struct {
    const char* url;
    const char* expected;
  } cases[] = {
      {"http://127.0.0.1:8080/health", "http://127.0.0.1:8080/health"},
      {"http://127.0.0.1", "http://127.0.0.1:80/"},
      {"http://localhost:9/a?b=/c:d#e", "http://127.0.0.1:9/a?b=/c:d"},
      {"http://127.0.0.1?x", "http://127.0.0.1:80/?x"},
      {"http://[::1]", "http://[::1]:80/"},
      {"http://[::1]:65535/x", "http://[::1]:65535/x"},
      {"http://snapshots.default.svc:8000/a", "http://snapshots.default.svc:8000/a"},
      {"http://1.a_b-c/", "http://1.a_b-c:80/"},
  };
  for (const auto& one : cases) {
    const auto target = ParseClientUrl(one.url);
    ASSERT_TRUE(target.ok()) << one.url << ": " << target.error().message;
    EXPECT_EQ(target->Url(), one.expected);
  }
}

TEST(ParseClientUrl, SaysWhatIsWrong) {
  const struct {
    const char* url;
    const char* expected;
  } cases[] = {
      {"", "http://"},
      {"https://127.0.0.1/", "http://"},
      {"127.0.0.1:8080", "http://"},
      {"http://", "host"},
      {"http:///health", "host"},
      {"http://256.0.0.1/", "host"},
      {"http://a.1/", "host"},
      {"http://-a/", "host"},
      {"http://a%20b/", "host"},
      {"http://user@127.0.0.1/", "host"},
      {"http://::1/", "host"},
      {"http://[::1", "host"},
      {"http://[127.0.0.1]/", "host"},
      {"http://127.0.0.1:/", "port"},
      {"http://127.0.0.1:0/", "port"},
      {"http://127.0.0.1:65536/", "port"},
      {"http://127.0.0.1:80x/", "port"},
      {"http://127.0.0.1:-1/", "port"},
      {"http://127.0.0.1/a b", "space"},
      {"http://127.0.0.1/\r\nX: y", "control"},
  };
  for (const auto& one : cases) {
    const auto target = ParseClientUrl(one.url);
    ASSERT_FALSE(target.ok()) << one.url;
    EXPECT_THAT(target.error().message, HasSubstr(one.expected)) << one.url;
  }
}

// Takes one connection on 127.0.0.1, reads a request, sends `answer`, and holds the connection
// until the client closes it, or closes it at once.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool hold = false) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), hold] { Serve(answer, hold); });
  }
  ~OneAnswer() { Join(); }

  ClientTarget target() const { return {"127.0.0.1", port_, "/health"}; }
  // What the client sent; the answer was given before.
  const std::string& request() {
    Join();
    return request_;
  }

 private:
  void Serve(const std::string& answer, bool hold) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    char bytes[4096];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(connection, bytes, sizeof(bytes), 0);
      if (got <= 0) break;
      request_.append(bytes, static_cast<size_t>(got));
    }
    ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    while (hold && ::recv(connection, bytes, sizeof(bytes), 0) > 0) {
    }
    ::close(connection);
  }
  void Join() {
    if (!thread_.joinable()) return;
    thread_.join();
    ::close(listener_);
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

TEST(HttpGet, GivesTheAnswer) {
  OneAnswer server("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nwait", true);
  const auto answer = HttpGet(server.target(), {.api_key = "a key"});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "wait");
  EXPECT_THAT(server.request(), StartsWith("GET /health HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_THAT(server.request(), HasSubstr("\r\nAuthorization: Bearer a key\r\n"));
}

TEST(HttpGet, LooksNamesUp) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ClientTarget target = server.target();
  target.host = "localhost";  // of /etc/hosts; its IPv6 address, where it has one, refuses
  const auto answer = HttpGet(target, {});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->body, "ok");
  EXPECT_THAT(server.request(), HasSubstr("\r\nHost: localhost:"));
  target.host = std::string(64, 'a');  // a label has 63 at most: nobody is asked
  EXPECT_THAT(HttpGet(target, {}).error().message, HasSubstr("the name cannot be looked up"));
}

TEST(HttpGet, TakesWhatEndsWithTheConnection) {
  OneAnswer server("HTTP/1.0 200 OK\r\n\r\nfine");
  const auto answer = HttpGet(server.target(), {});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->body, "fine");
  EXPECT_THAT(server.request(), ::testing::Not(HasSubstr("Authorization")));
}

TEST(HttpGet, SaysWhatIsWrongWithAnAnswer) {
  const struct {
    const char* answer;
    Code code;
    const char* expected;
  } cases[] = {
      {"", Code::kCorrupt, "ended"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Code::kCorrupt, "ended"},
      {"SSH-2.0-OpenSSH_9.2\r\n", Code::kCorrupt, "no HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", Code::kInvalidArgument, "64"},
  };
  for (const auto& one : cases) {
    OneAnswer server(one.answer);
    const auto answer = HttpGet(server.target(), {.body_limit_bytes = 64});
    ASSERT_FALSE(answer.ok()) << one.answer;
    EXPECT_EQ(answer.error().code, one.code) << answer.error().message;
    EXPECT_THAT(answer.error().message, HasSubstr(one.expected));
  }
}

TEST(HttpGet, ReadsNoMoreThanItsLimit) {
  OneAnswer server("HTTP/1.1 200 OK\r\n\r\n" + std::string(65, 'x'));
  EXPECT_EQ(HttpGet(server.target(), {.body_limit_bytes = 64}).error().code,
            Code::kInvalidArgument);
}

TEST(HttpGet, EndsAtItsDeadline) {
  for (const char* begun : {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\n\r\nhalf"}) {
    OneAnswer server(begun, true);
    const auto begin = steady_clock::now();
    const auto answer = HttpGet(server.target(), {.timeout = milliseconds(50)});
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, Code::kDeadline);
    EXPECT_THAT(answer.error().message, HasSubstr("50 ms"));
    EXPECT_GE(steady_clock::now() - begin, milliseconds(50));
    EXPECT_LT(steady_clock::now() - begin, milliseconds(5000));
  }
}

TEST(HttpGet, SaysThatNobodyListens) {
  ClientTarget target;
  {
    OneAnswer server("HTTP/1.1 200 OK\r\n\r\n");
    target = server.target();
    ASSERT_TRUE(HttpGet(target, {}).ok());
  }
  const auto answer = HttpGet(target, {});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Code::kInternal);
  EXPECT_THAT(answer.error().message, HasSubstr("refused"));
}

TEST(HttpDownload, GivesTheBodyAsItComes) {
  const std::string body(300'000, 'b');
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body);
  std::string taken;
  size_t pieces = 0;
  const Status status = HttpDownload(server.target(), {}, [&](std::string_view piece) {
    taken += piece;
    ++pieces;
    return Status();
  });
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(taken, body);
  EXPECT_GT(pieces, 1u);
}

TEST(HttpDownload, TakesAnEmptyBody) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true);
  EXPECT_TRUE(HttpDownload(server.target(), {}, [](std::string_view) {
                return Status(Error{Code::kInternal, "nothing should come"});
              }).ok());
}

TEST(HttpDownload, TellsOtherAnswers) {
  const struct {
    const char* answer;
    Code code;
    const char* expected;
  } cases[] = {
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Code::kNotFound, "404"},
      {"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops", Code::kInternal, "500"},
      {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
       Code::kInternal, "redirect"},
      {"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", Code::kInternal, "206"},
  };
  for (const auto& one : cases) {
    OneAnswer server(one.answer);
    bool taken = false;
    const Status status = HttpDownload(server.target(), {}, [&](std::string_view) {
      taken = true;
      return Status();
    });
    ASSERT_FALSE(status.ok()) << one.answer;
    EXPECT_EQ(status.error().code, one.code);
    EXPECT_THAT(status.error().message, HasSubstr(one.expected));
    EXPECT_FALSE(taken);
  }
}

TEST(HttpDownload, EndsWithTheSinksFailure) {
  OneAnswer server("HTTP/1.1 200 OK\r\n\r\nsome", true);
  const Status status =
      HttpDownload(server.target(), {.timeout = milliseconds(60'000)}, [](std::string_view) {
        return Error{Code::kInternal, "the disk is full"};
      });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "the disk is full");
}

TEST(HttpDownload, EndsWhereNothingComes) {
  OneAnswer server("HTTP/1.1 200 OK\r\n\r\nhalf", true);
  const Status status = HttpDownload(
      server.target(), {.timeout = milliseconds(60'000), .idle_timeout = milliseconds(50)},
      [](std::string_view) { return Status(); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kDeadline);
  EXPECT_THAT(status.error().message, HasSubstr("nothing came for 50 ms"));
}

TEST(HttpDownload, EndsWhenAskedToStop) {
  OneAnswer server("HTTP/1.1 200 OK\r\n\r\nhalf", true);
  std::stop_source stop;
  const Status status =
      HttpDownload(server.target(), {.timeout = milliseconds(60'000), .stop = stop.get_token()},
                   [&](std::string_view) {
                     std::thread([&stop] { stop.request_stop(); }).join();
                     return Status();
                   });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kDeadline);
}

TEST(HttpGet, RefusesAKeyThatWouldEndTheHeader) {
  EXPECT_EQ(HttpGet({"127.0.0.1", 1, "/"}, {.api_key = "a\r\nX: y"}).error().code,
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace minnow::http
