// SPDX-License-Identifier: Apache-2.0
// Server: HTTP/1.1 on one I/O thread. It knows no JSON and no model; handlers come from a Router.
//
// Every limit that a hostile client could lean on is in ServerOptions. Each connection serves one
// request at a time, in order, so pipelined requests are safe. Handlers run on the I/O thread and
// answer from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/memory_budget.h"
#include "base/result.h"
#include "base/server_counters.h"
#include "http/access.h"
#include "http/answered_request.h"
#include "http/router.h"

namespace minnow::http {

struct ServerOptions {
  std::string host = "0.0.0.0";  // an IPv4 or IPv6 address, or "localhost"
  uint16_t port = 8080;          // 0: any free port
  // Request line and headers; above: 431. Browsers send all cookies of localhost.
  size_t header_limit_bytes = 64 * 1024;
  size_t body_limit_bytes = 2'000'000;  // after chunked decoding; above: 413; routes may have more
  std::string_view body_limit_flag = {};  // what sets that limit, for the message of a 413
  size_t max_large_bodies = 16;           // above body_limit_bytes, held at a time; then 429
  // Bodies of answers that clients have not read yet, of all connections; above: 429. One of 64
  // KiB, and one that no other is in the way of, is always given.
  size_t max_unread_bytes = size_t{256} << 20;
  // Of one answer that comes in pieces, those that the client has not read yet; above, it is cut
  // off.
  size_t max_stream_bytes = size_t{1} << 20;
  // Above, and above what the process may open: the connection that has waited longest for a
  // request is closed; where none waits, the new one gets 503.
  // What bodies of more than 64 KiB take from, of requests and of answers, beside the limits above;
  // null: nothing. Where it is used up: 429.
  std::shared_ptr<MemoryBudget> memory = nullptr;
  size_t max_connections = 4096;
  std::chrono::milliseconds header_timeout{
      10'000};  // first byte to the end of the headers; then 408
  std::chrono::milliseconds body_timeout{
      60'000};  // end of the headers to the end of the body; then 408
  std::chrono::milliseconds idle_timeout{75'000};  // between requests; then closed
  std::chrono::milliseconds write_timeout{
      30'000};  // without the client reading what it is sent; then closed
  std::chrono::milliseconds drain_timeout{10'000};  // what Stop waits for requests under way
  AccessOptions access = {};
  RefusalWriter refuse = PlainRefusal;
  // Shared with whoever reads them; null: the server has its own.
  std::shared_ptr<ServerCounters> counters = nullptr;
  // Called on the I/O thread, which it must not hold up, for each answered request; may be null.
  std::function<void(const AnsweredRequest&)> on_answered = nullptr;
  // The same, for what an operator should know, a few times a minute at most; may be null.
  std::function<void(const std::string&)> warn = nullptr;
};

class Server {
 public:
  // Binds, listens and starts the I/O thread. Fails with kInvalidArgument (the host is no address)
  // or kInternal; the message names host:port.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Router router);
  // Stops first.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The port that is bound.
  uint16_t port() const;
  // Any thread.
  const ServerCounters& counters() const;

  // Stops accepting, closes idle connections, answers what is under way with "Connection: close",
  // and returns when all are closed; what is not done after `timeout`, or without it
  // ServerOptions::drain_timeout, is cut off. Any thread but the I/O thread; again: no effect.
  void Stop(std::optional<std::chrono::milliseconds> timeout = std::nullopt);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace minnow::http
