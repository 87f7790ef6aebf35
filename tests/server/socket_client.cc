// SPDX-License-Identifier: Apache-2.0
// SocketClient: connect, send, and read one response at a time.
#include "tests/server/socket_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace minnow {

http::Response TextResponse(std::string body) {
  http::Response response;
  response.body = std::move(body);
  return response;
}

SocketClient::SocketClient(uint16_t port) {
  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  set_time_limit(std::chrono::seconds(60));
  const int one = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Close();
}

SocketClient::~SocketClient() { Close(); }

void SocketClient::set_time_limit(std::chrono::milliseconds limit) {
  timeval time{};
  time.tv_sec = limit.count() / 1000;
  time.tv_usec = limit.count() % 1000 * 1000;
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

bool SocketClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

bool SocketClient::ReceiveMore() {
  char buffer[65536];
  const ssize_t size = ::recv(fd_, buffer, sizeof(buffer), 0);
  if (size <= 0) {
    ended_ = size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    was_reset_ = size < 0 && errno == ECONNRESET;
    return false;
  }
  received_.append(buffer, static_cast<size_t>(size));
  return true;
}

ClientResponse SocketClient::Read(bool has_body) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReceiveMore()) return {};
  }
  ClientResponse response;
  const std::string head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  for (size_t begin = head.find("\r\n") + 2; begin < head.size();) {
    const size_t line_end = head.find("\r\n", begin);
    const size_t colon = head.find(": ", begin);
    std::string name = head.substr(begin, colon - begin);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    response.headers[name] = head.substr(colon + 2, line_end - colon - 2);
    begin = line_end + 2;
  }
  const auto length = response.headers.find("content-length");
  if (has_body && length != response.headers.end()) {
    const size_t size = std::strtoull(length->second.c_str(), nullptr, 10);
    while (received_.size() < size) {
      if (!ReceiveMore()) return {};
    }
    response.body = received_.substr(0, size);
    received_.erase(0, size);
  }
  response.status = std::atoi(head.substr(9, 3).c_str());
  return response;
}

ClientResponse SocketClient::Call(std::string_view bytes) {
  // A server may answer and close before it has read everything: then the answer still counts.
  Send(bytes);
  return Read();
}

std::string SocketClient::ReadToEnd(bool* closed) {
  while (ReceiveMore()) {
  }
  if (closed != nullptr) *closed = ended_;
  return std::exchange(received_, {});
}

std::string SocketClient::ReadUntil(std::string_view end) {
  size_t begin = 0;
  while ((begin = received_.find(end)) == std::string::npos) {
    if (!ReceiveMore()) return {};
  }
  std::string bytes = received_.substr(0, begin + end.size());
  received_.erase(0, bytes.size());
  return bytes;
}

void SocketClient::CloseSending() { ::shutdown(fd_, SHUT_WR); }

void SocketClient::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string PostJson(std::string_view path, std::string_view body) {
  std::string out = "POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n";
  out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size());
  out += "\r\n\r\n";
  out += body;
  return out;
}

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

}  // namespace minnow
