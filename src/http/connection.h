// SPDX-License-Identifier: Apache-2.0
// Connection: one client's socket, served by one coroutine on the I/O thread. Internal to http/.
//
// Everything here runs on the I/O thread; only the answer comes from elsewhere, and is posted to
// it.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/server_counters.h"
#include "http/access.h"
#include "http/answered_request.h"
#include "http/compression.h"
#include "http/message.h"
#include "http/router.h"
#include "http/server.h"
#include "http/stream_pipe.h"
#include "http/unread_bytes.h"

namespace minnow::http {

class Connection;
// Leaves its list by itself when it is destroyed.
using IdleHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// What the connections of one server share. Lives until the I/O thread has ended.
struct ServerContext {
  ServerOptions options;
  Router router;
  std::string routes;  // for people
  Access access;
  std::shared_ptr<ServerCounters> counters;
  std::shared_ptr<boost::asio::io_context> io;
  std::unordered_set<Connection*> connections;  // those whose coroutine runs
  // Of these, those that wait for a request, the longest first.
  boost::intrusive::list<Connection, boost::intrusive::base_hook<IdleHook>,
                         boost::intrusive::constant_time_size<false>>
      idle;
  std::vector<char> scratch;  // for bytes that are read to be thrown away
  bool draining = false;
  // Of answers' bodies that are being written, or wait for it.
  std::shared_ptr<UnreadBytes> unread = std::make_shared<UnreadBytes>();
  // How many large bodies there are, here and in handlers' hands; may outlive the server.
  std::shared_ptr<std::atomic<size_t>> large_bodies = std::make_shared<std::atomic<size_t>>(0);

  // The Date header's value now, formatted once a second.
  std::string_view Date();

 private:
  std::time_t date_time_ = 0;
  std::string date_;
};

class Connection : public std::enable_shared_from_this<Connection>, public IdleHook {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(boost::asio::ip::tcp::socket socket, ServerContext* context);

  // Serves the socket until it closes. `context` must outlive the coroutine (not the Connection).
  boost::asio::awaitable<void> Run();

  // Closes the connection if it waits for a request; otherwise the answer under way is its last.
  void Drain();
  // Ends the coroutine now.
  void Abort();
  // Gives up whatever waits for the client past its deadline.
  void CheckDeadline(Clock::time_point now);
  // The answer to request number `serial`; ignored when that request is no longer waited for.
  void OnResponse(uint64_t serial, Response response);
  // The same, for an answer whose body comes out of `pipe`.
  void OnStream(uint64_t serial, Response head, std::shared_ptr<StreamPipe> pipe);
  // Something has changed in that pipe.
  void OnPieces(uint64_t serial);
  // What the server itself answers to the request under way.
  Response Refusal(int status, std::string_view detail);

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  enum class Phase { kIdle, kReading, kHandling, kWriting, kStreaming };

  // Requests and answers in turns, until the connection is to close.
  boost::asio::awaitable<void> Serve();
  // Reads one request into request_. False: none came; the answer, if one is due, is in response_.
  boost::asio::awaitable<bool> ReadRequest();
  boost::asio::awaitable<bool> ReadHead();
  boost::asio::awaitable<bool> ReadBody();
  boost::asio::awaitable<bool> ReadLargeBody();
  // Sets the limit of the body that comes. False: it is too long, or one too many.
  bool AdmitBody();
  // Fills request_ from the parsed head. False: malformed; response_ says how.
  bool TakeHead();
  // Answers request_ by its route; response_ is set afterwards, unless the connection was aborted.
  // With a stream_, the client is watched from then on.
  boost::asio::awaitable<void> Handle();
  // Counts the answer's body among those that clients are to read, or puts a refusal in its place.
  void AdmitAnswer();
  void ReleaseAnswer();
  // The answer that needs no handler (404, 405, OPTIONS, ...).
  std::optional<Response> AnswerWithoutHandler();
  // Writes response_. False: the client is gone.
  boost::asio::awaitable<bool> WriteResponse();
  // Writes response_ as a head and the pieces of stream_. False: the client is gone, or its
  // connection must close for it to see that the body is not whole.
  boost::asio::awaitable<bool> WriteStream();
  boost::asio::awaitable<bool> WritePieces(bool chunked);
  // Sets head_ from response_.
  void FinishHead(BodyEnd body_end);
  boost::asio::awaitable<bool> WriteAll(std::string_view head, std::string_view body);
  void Report(int status, size_t body_bytes);
  // Lets the client read the last answer before the socket closes on bytes that it still sends.
  boost::asio::awaitable<void> Linger();

  // Notices, while a handler works, that the client leaves.
  void WatchClient(uint64_t serial);
  // Whether the handler of that request still works.
  bool Works(uint64_t serial) const;
  void OnReadable(uint64_t serial);
  void ClientLeft();

  // Sets response_. False, so that reading a request ends with it and the connection closes.
  bool Refuse(int status, std::string_view detail);
  bool RefuseLargeBody();
  // The path of the request under way, as far as it has come.
  std::string_view PathSoFar();
  bool RefuseForError(const boost::system::error_code& error);

  void SetDeadline(std::chrono::milliseconds timeout) { deadline_ = Clock::now() + timeout; }

  boost::asio::ip::tcp::socket socket_;
  ServerContext* context_;
  boost::asio::steady_timer answered_;  // cancelled when response_ arrives
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::kIdle;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point request_received_;
  Clock::time_point read_done_;  // when the request under way had arrived
  bool timed_out_ = false;
  bool aborted_ = false;

  Request request_;
  // Of the request under way, which its handler may own by now.
  Router::Match match_;
  bool is_head_ = false;
  bool is_http_10_ = false;
  CodingChoice coding_;
  std::string allowed_origin_;
  AnsweredRequest record_;
  bool keep_alive_ = false;
  uint64_t serial_ = 0;  // of the request under way
  std::shared_ptr<ClientWatch> client_;
  std::optional<Response> response_;
  std::shared_ptr<StreamPipe> stream_;  // with response_, where its body comes in pieces
  UnreadShare unread_;                  // what response_ holds
  std::string head_;
  size_t body_bytes_ = 0;  // of the stream, as far as it is sent
};

}  // namespace minnow::http
