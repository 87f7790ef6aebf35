// SPDX-License-Identifier: Apache-2.0
// Connection: read a request, hand it over, write the answer, again.
#include "http/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <ctime>
#include <exception>

#include "http/url.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

// An awaited result is stored before it is tested: GCC 12 with -fsanitize=undefined miscompiles `if
// (!co_await f())`.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr size_t kFirstReadBytes = 4096;
constexpr size_t kKeptBufferBytes = 64 * 1024;
constexpr size_t kWriteChunkBytes = 256 * 1024;
// A client that closes its sending side together with its request (`nc -N`, HTTP/1.0 tools) still
// waits for the answer; one that closes later has left. TCP cannot tell the two apart otherwise.
constexpr std::chrono::milliseconds kHalfCloseGrace{100};
constexpr std::chrono::milliseconds kLingerTimeout{2000};
constexpr size_t kLingerBytes = size_t{64} << 20;

// Brings an answer from any thread back to its connection.
class ConnectionSink : public ResponseSink {
 public:
  ConnectionSink(std::shared_ptr<asio::io_context> io, std::shared_ptr<Connection> connection,
                 uint64_t serial)
      : io_(std::move(io)), connection_(std::move(connection)), serial_(serial) {}

  void Deliver(Response response) override {
    if (io_->get_executor().running_in_this_thread()) {
      connection_->OnResponse(serial_, std::move(response));
      return;
    }
    // The posted function holds no reference to the io_context, which would then never be
    // destroyed.
    asio::post(*io_, [connection = std::move(connection_), serial = serial_,
                      response = std::move(response)]() mutable {
      connection->OnResponse(serial, std::move(response));
    });
  }

 private:
  std::shared_ptr<asio::io_context> io_;  // declared first: outlives the connection's socket
  std::shared_ptr<Connection> connection_;
  uint64_t serial_;
};

}  // namespace

std::string_view ServerContext::Date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_time_) {
    date_time_ = now;
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[40];
    const size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    date_.assign(text, size);
  }
  return date_;
}

Connection::Connection(asio::ip::tcp::socket socket, ServerContext* context)
    : socket_(std::move(socket)), context_(context), answered_(socket_.get_executor()) {}

asio::awaitable<void> Connection::Run() {
  while (!aborted_) {
    const bool complete = co_await ReadRequest();
    if (complete) {
      co_await Handle();
    }
    if (aborted_ || !response_.has_value()) break;
    if (!complete || context_->draining) keep_alive_ = false;
    phase_ = Phase::kWriting;
    const bool written = co_await WriteResponse();
    if (!written || aborted_) break;
    if (!keep_alive_) {
      co_await Linger();
      break;
    }
  }
  ClientLeft();
  error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<bool> Connection::ReadRequest() {
  response_.reset();
  phase_ = Phase::kIdle;
  if (context_->draining && buffer_.size() == 0) co_return false;
  bool complete = co_await ReadHead();
  if (!complete || !TakeHead()) co_return false;
  context_->requests.fetch_add(1, std::memory_order_relaxed);
  complete = co_await ReadBody();
  if (!complete) co_return false;
  deadline_ = Clock::time_point::max();
  read_done_ = Clock::now();
  request_.body = std::move(parser_->get().body());
  parser_.reset();
  co_return true;
}

asio::awaitable<bool> Connection::ReadHead() {
  if (buffer_.size() == 0) {
    // One large body must not make the connection keep a large buffer.
    if (buffer_.capacity() > kKeptBufferBytes) buffer_.shrink_to_fit();
    SetDeadline(context_->options.idle_timeout);
    const auto [error, size] =
        co_await socket_.async_read_some(buffer_.prepare(kFirstReadBytes), kAwait);
    if (error) co_return false;
    buffer_.commit(size);
  }
  phase_ = Phase::kReading;
  timed_out_ = false;
  SetDeadline(context_->options.header_timeout);
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(context_->options.header_limit_bytes));
  parser_->body_limit(context_->options.body_limit_bytes);
  const auto [error, size] =
      co_await beast::http::async_read_header(socket_, buffer_, *parser_, kAwait);
  if (error) co_return RefuseForError(error);
  co_return true;
}

bool Connection::TakeHead() {
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive();
  request_ = Request{};
  request_.method = std::string(head.method_string());
  request_.received = Clock::now();
  client_ = std::make_shared<ClientWatch>();
  request_.client = client_;
  if (head.version() != 10 && head.version() != 11) return Refuse(505, "HTTP/1.0 or HTTP/1.1");
  const auto target = SplitTarget(std::string_view(head.target().data(), head.target().size()));
  if (!target.has_value()) return Refuse(400, "the request target is no path");
  request_.path = target->path;
  request_.query = target->query;
  // RFC 9112, 3.2: exactly one Host field in HTTP/1.1.
  const size_t hosts = head.count(beast::http::field::host);
  if (hosts > 1 || (hosts == 0 && head.version() == 11)) return Refuse(400, "one Host is needed");
  // The parser takes any coding list without a final "chunked" for "no body": the rest of the
  // connection would be read as a request that the client never sent.
  const auto coding = head.find(beast::http::field::transfer_encoding);
  if (coding != head.end() && !beast::iequals(coding->value(), "chunked")) {
    return Refuse(501, "Transfer-Encoding other than chunked");
  }
  for (const auto& field : head) {
    request_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  return true;
}

asio::awaitable<bool> Connection::ReadBody() {
  if (parser_->is_done()) co_return true;
  const std::string_view expect = request_.FindHeader("Expect");
  if (!expect.empty()) {
    if (!EqualsIgnoringCase(expect, "100-continue")) co_return Refuse(417, expect);
    // A request that no handler will see is answered before its body is sent.
    auto early = AnswerWithoutHandler(context_->router.Find(request_.method, request_.path));
    if (early.has_value()) {
      response_ = std::move(early);
      co_return false;
    }
    SetDeadline(context_->options.write_timeout);
    const bool written = co_await WriteAll("HTTP/1.1 100 Continue\r\n\r\n", {});
    if (!written) co_return false;
  }
  SetDeadline(context_->options.body_timeout);
  const auto [error, size] = co_await beast::http::async_read(socket_, buffer_, *parser_, kAwait);
  if (error) co_return RefuseForError(error);
  co_return true;
}

asio::awaitable<void> Connection::Handle() {
  Router::Match match = context_->router.Find(request_.method, request_.path);
  response_ = AnswerWithoutHandler(match);
  if (response_.has_value()) co_return;
  request_.parameters = std::move(match.parameters);
  phase_ = Phase::kHandling;
  const uint64_t serial = ++serial_;
  const bool is_head = request_.method == "HEAD";
  {
    Responder responder(std::make_unique<ConnectionSink>(context_->io, shared_from_this(), serial));
    try {
      (*match.handler)(std::move(request_), std::move(responder));
    } catch (const std::exception&) {
      // Out of memory, in practice. The responder answers 500 when it is destroyed.
    }
  }
  if (!response_.has_value()) {
    WatchClient(serial);
    answered_.expires_at(Clock::time_point::max());
    while (!response_.has_value() && !aborted_) co_await answered_.async_wait(kAwait);
    error_code ignored;
    socket_.cancel(ignored);  // the watch
  }
  request_.method = is_head ? "HEAD" : "";
}

std::optional<Response> Connection::AnswerWithoutHandler(const Router::Match& match) const {
  if (request_.path == "*") {
    return PlainResponse(request_.method == "OPTIONS" ? 204 : 400);
  }
  if (match.handler != nullptr) return std::nullopt;
  if (match.malformed) return PlainResponse(400, "bad percent-encoding in the path");
  if (match.allow.empty()) return PlainResponse(404);
  Response response = PlainResponse(request_.method == "OPTIONS" ? 204 : 405);
  response.headers.push_back({"Allow", match.allow});
  return response;
}

void Connection::OnResponse(uint64_t serial, Response response) {
  if (serial != serial_ || phase_ != Phase::kHandling || response_.has_value()) return;
  response_ = std::move(response);
  answered_.cancel();
}

asio::awaitable<bool> Connection::WriteResponse() {
  // A content coding by Accept-Encoding would be applied to response_->body here.
  head_ = FormatHead(*response_, keep_alive_, context_->Date());
  const bool has_body = request_.method != "HEAD" && response_->status != 204;
  const bool written = co_await WriteAll(head_, has_body ? response_->body : std::string_view());
  response_.reset();
  deadline_ = Clock::time_point::max();
  co_return written;
}

asio::awaitable<bool> Connection::WriteAll(std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    SetDeadline(context_->options.write_timeout);  // anew with each bit of progress
    const std::array<asio::const_buffer, 2> parts{
        asio::const_buffer(head.data(), head.size()),
        asio::const_buffer(body.data(), std::min(body.size(), kWriteChunkBytes))};
    const auto [error, size] = co_await socket_.async_write_some(parts, kAwait);
    if (error) co_return false;
    const size_t of_head = std::min(size, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(size - of_head);
  }
  co_return true;
}

asio::awaitable<void> Connection::Linger() {
  error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error) co_return;
  SetDeadline(kLingerTimeout);
  size_t total = 0;
  while (total < kLingerBytes && !aborted_) {
    const auto [read_error, size] =
        co_await socket_.async_read_some(asio::buffer(context_->scratch), kAwait);
    if (read_error) co_return;
    total += size;
  }
}

void Connection::Drain() {
  if (phase_ == Phase::kIdle) Abort();
}

void Connection::Abort() {
  aborted_ = true;
  ClientLeft();
  error_code ignored;
  socket_.close(ignored);
  answered_.cancel();
}

void Connection::CheckDeadline(Clock::time_point now) {
  if (now < deadline_) return;
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::WatchClient(uint64_t serial) {
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this(), serial](const error_code& error) {
                       if (!error) self->OnReadable(serial);
                     });
}

void Connection::OnReadable(uint64_t serial) {
  if (serial != serial_ || phase_ != Phase::kHandling || response_.has_value()) return;
  char byte;
  const ssize_t size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (size > 0) return;  // the next request: it waits its turn, and the watch ends
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    WatchClient(serial);
    return;
  }
  keep_alive_ = false;
  const bool half_closed = size == 0 && Clock::now() - read_done_ < kHalfCloseGrace;
  if (!half_closed) ClientLeft();
}

void Connection::ClientLeft() {
  if (client_ != nullptr) client_->MarkGone();
}

bool Connection::Refuse(int status, std::string_view detail) {
  response_ = PlainResponse(status, detail);
  return false;
}

bool Connection::RefuseForError(const error_code& error) {
  using HttpError = beast::http::error;
  if (timed_out_) return Refuse(408, "the request took too long to arrive");
  const ServerOptions& options = context_->options;
  if (error == HttpError::header_limit || error == HttpError::buffer_overflow) {
    return Refuse(431, "limit " + std::to_string(options.header_limit_bytes) + " bytes");
  }
  if (error == HttpError::body_limit) {
    return Refuse(413, "limit " + std::to_string(options.body_limit_bytes) + " bytes");
  }
  if (error == HttpError::bad_version) return Refuse(505, "HTTP/1.0 or HTTP/1.1");
  // Left in the middle of a request, or the socket failed: nobody to answer.
  if (error == HttpError::end_of_stream || error == HttpError::partial_message) return false;
  if (error.category() != make_error_code(HttpError::bad_method).category()) return false;
  return Refuse(400, error.message());
}

}  // namespace minnow::http
