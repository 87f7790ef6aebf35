// SPDX-License-Identifier: Apache-2.0
// A blocking client over a plain socket, for tests that send what no HTTP library would.
//
// Every read gives up after a time limit, so that a server that hangs fails the test instead of
// stopping it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "http/message.h"

namespace minnow {

// What a handler of a test answers.
http::Response TextResponse(std::string body);

struct ClientResponse {
  int status = 0;  // 0: the connection ended, or time ran out, before a whole response
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class SocketClient {
 public:
  // Connects to 127.0.0.1:`port`; connected() tells.
  explicit SocketClient(uint16_t port);
  ~SocketClient();
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  bool connected() const { return fd_ >= 0; }
  // False when the server no longer takes bytes.
  bool Send(std::string_view bytes);
  // The next response; 100 Continue is one of its own. `has_body` is false after HEAD.
  ClientResponse Read(bool has_body = true);
  // Sends, then reads.
  ClientResponse Call(std::string_view bytes);
  // Everything until the server closes; `closed` tells whether it did within the limit.
  std::string ReadToEnd(bool* closed = nullptr);
  // Bytes up to and with `end`; "" when they do not come.
  std::string ReadUntil(std::string_view end);
  // Whether the server cut the connection off, instead of closing it.
  bool was_reset() const { return was_reset_; }
  void CloseSending();
  void Close();
  void set_time_limit(std::chrono::milliseconds limit);

 private:
  bool ReceiveMore();  // false at the end of the stream, on an error and after the time limit

  int fd_ = -1;
  bool ended_ = false;
  bool was_reset_ = false;
  std::string received_;
};

// "POST /path HTTP/1.1" with a JSON body and its length.
std::string PostJson(std::string_view path, std::string_view body);
std::string Get(std::string_view path);

}  // namespace minnow
