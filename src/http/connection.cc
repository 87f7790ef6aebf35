// SPDX-License-Identifier: Apache-2.0
// Connection: read a request, hand it over, write the answer (connection_answer.cc), again.
#include "http/connection.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <ctime>
#include <exception>
#include <utility>

#include "http/await.h"
#include "http/connection_sink.h"
#include "http/url.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

// An awaited result is stored before it is tested: GCC 12 with -fsanitize=undefined miscompiles `if
// (!co_await f())`.

constexpr size_t kFirstReadBytes = 4096;
constexpr size_t kKeptBufferBytes = 64 * 1024;
constexpr size_t kShownPathBytes = 200;
constexpr size_t kSmallBodyBytes = 64 * 1024;
// A large body gets the time that this many bytes a second need, beside body_timeout.
constexpr size_t kSlowestBytesPerSecond = 64 * 1024;

// A W3C traceparent: "00-32 digits-16 digits-2 digits", not all zero.
bool IsTraceParent(std::string_view text) {
  constexpr size_t kSize = 55;
  constexpr std::string_view kForm = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  static_assert(kForm.size() == kSize);
  if (text.size() != kSize || text.starts_with("ff")) return false;
  for (size_t i = 0; i < kSize; ++i) {
    const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (kForm[i] == 'x' ? !digit : text[i] != '-') return false;
  }
  return text.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         text.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

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
    : socket_(std::move(socket)),
      context_(context),
      answered_(socket_.get_executor()),
      unread_(context->unread) {}

asio::awaitable<void> Connection::Run() {
  try {
    co_await Serve();
  } catch (const std::exception&) {
    // Out of memory, in practice: this connection ends, and gives back what it holds.
  }
  ClientLeft();
  ReleaseAnswer();
  error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<void> Connection::Serve() {
  while (!aborted_) {
    const bool complete = co_await ReadRequest();
    if (complete) {
      co_await Handle();
    }
    if (aborted_ || !response_.has_value()) break;
    if (!complete || context_->draining) keep_alive_ = false;
    bool written = false;
    if (stream_ != nullptr) {
      written = co_await WriteStream();
    } else {
      written = co_await WriteResponse();
    }
    if (!written || aborted_) break;
    if (!keep_alive_) {
      co_await Linger();
      break;
    }
  }
}

asio::awaitable<bool> Connection::ReadRequest() {
  response_.reset();
  request_ = Request{};
  match_ = {};
  is_head_ = false;
  coding_ = {};
  allowed_origin_.clear();
  record_ = {};
  phase_ = Phase::kIdle;
  if (context_->draining && buffer_.size() == 0) co_return false;
  bool complete = co_await ReadHead();
  if (!complete || !TakeHead()) co_return false;
  complete = co_await ReadBody();
  if (!complete) co_return false;
  deadline_ = Clock::time_point::max();
  read_done_ = Clock::now();
  request_.body = std::move(parser_->get().body());
  context_->counters->received_body_bytes.fetch_add(request_.body.size(),
                                                    std::memory_order_relaxed);
  parser_.reset();
  co_return true;
}

asio::awaitable<bool> Connection::ReadHead() {
  if (buffer_.size() == 0) {
    // One large body must not make the connection keep a large buffer.
    if (buffer_.capacity() > kKeptBufferBytes) buffer_.shrink_to_fit();
    SetDeadline(context_->options.idle_timeout);
    context_->idle.push_back(*this);
    const auto [error, size] =
        co_await socket_.async_read_some(buffer_.prepare(kFirstReadBytes), kAwait);
    unlink();
    if (error) co_return false;
    buffer_.commit(size);
  }
  phase_ = Phase::kReading;
  request_received_ = Clock::now();
  timed_out_ = false;
  SetDeadline(context_->options.header_timeout);
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(context_->options.header_limit_bytes));
  parser_->body_limit(boost::none);  // AdmitBody knows the route's
  const auto [error, size] =
      co_await beast::http::async_read_header(socket_, buffer_, *parser_, kAwait);
  if (error) co_return RefuseForError(error);
  co_return true;
}

bool Connection::TakeHead() {
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive();
  request_.method = std::string(head.method_string());
  request_received_ = Clock::now();
  request_.received = request_received_;
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
  is_head_ = request_.method == "HEAD";
  is_http_10_ = head.version() == 10;
  coding_ = ChooseCoding(request_.headers);
  allowed_origin_ = context_->access.AllowedOrigin(request_);
  const std::string_view trace = request_.FindHeader("traceparent");
  if (IsTraceParent(trace)) record_.trace = trace;
  record_.path = request_.path;
  if (context_->options.on_answered) record_.method = request_.method;
  context_->counters->requests.fetch_add(1, std::memory_order_relaxed);
  request_.authorized = context_->access.Authorized(request_);
  match_ = context_->router.Find(request_.method, request_.path);
  response_ = context_->access.Check(request_, match_);
  // Who is refused need not send a body first.
  return !response_.has_value() || parser_->is_done();
}

bool Connection::RefuseLargeBody() {
  const ServerOptions& server = context_->options;
  const RouteOptions& route = match_.options;
  const bool own = route.body_limit_bytes > server.body_limit_bytes;
  const std::string flag(own ? route.body_limit_flag : server.body_limit_flag);
  const size_t limit = own ? route.body_limit_bytes : server.body_limit_bytes;
  return Refuse(413, "the body: limit " + std::to_string(limit) + " bytes" +
                         (flag.empty() ? "" : " (the server's " + flag + ")"));
}

bool Connection::AdmitBody() {
  const std::string_view coding = request_.FindHeader("Content-Encoding");
  if (!coding.empty() && !EqualsIgnoringCase(coding, "identity")) {
    return Refuse(415, "Content-Encoding: bodies are taken as they are, not compressed");
  }
  const ServerOptions& options = context_->options;
  const size_t limit = std::max(match_.options.body_limit_bytes, options.body_limit_bytes);
  const auto length = parser_->content_length();
  if (length.value_or(0) > limit) return RefuseLargeBody();
  parser_->body_limit(limit);
  const size_t bytes = length.value_or(limit);
  if (options.memory != nullptr && bytes > kSmallBodyBytes) {
    if (!options.memory->Take(bytes)) return Refuse(429, "memory full");
    request_.body_permit = std::shared_ptr<void>(
        nullptr, [memory = options.memory, bytes](void*) { memory->Give(bytes); });
  }
  if (bytes <= options.body_limit_bytes) return true;
  if (context_->large_bodies->fetch_add(1) >= options.max_large_bodies) {
    context_->large_bodies->fetch_sub(1);
    return Refuse(429, "too many large bodies at a time");
  }
  request_.body_permit = std::shared_ptr<void>(
      nullptr, [count = context_->large_bodies, memory = std::move(request_.body_permit)](void*) {
        count->fetch_sub(1);
      });
  return true;
}

asio::awaitable<bool> Connection::ReadBody() {
  if (parser_->is_done()) co_return true;
  const std::string_view expect = request_.FindHeader("Expect");
  if (!expect.empty()) {
    if (!EqualsIgnoringCase(expect, "100-continue")) co_return Refuse(417, expect);
    // A request that no handler will see is answered before its body is sent.
    response_ = AnswerWithoutHandler();
    if (response_.has_value() || !AdmitBody()) co_return false;
    SetDeadline(context_->options.write_timeout);
    const bool written = co_await WriteAll("HTTP/1.1 100 Continue\r\n\r\n", {});
    if (!written) co_return false;
  } else if (!AdmitBody()) {
    co_return false;
  }
  if (request_.body_permit.use_count() > 0) {
    const bool complete = co_await ReadLargeBody();
    co_return complete;
  }
  SetDeadline(context_->options.body_timeout);
  const auto [error, size] = co_await beast::http::async_read(socket_, buffer_, *parser_, kAwait);
  if (error) co_return RefuseForError(error);
  co_return true;
}

asio::awaitable<bool> Connection::ReadLargeBody() {
  const Clock::time_point begin = Clock::now();
  size_t total = 0;
  while (!parser_->is_done()) {
    deadline_ = begin + context_->options.body_timeout +
                std::chrono::milliseconds(total * 1000 / kSlowestBytesPerSecond);
    const auto [error, size] =
        co_await beast::http::async_read_some(socket_, buffer_, *parser_, kAwait);
    if (error) co_return RefuseForError(error);
    total += size;
  }
  co_return true;
}

asio::awaitable<void> Connection::Handle() {
  if (!response_.has_value()) response_ = AnswerWithoutHandler();
  if (response_.has_value()) co_return;
  request_.parameters = std::move(match_.parameters);
  phase_ = Phase::kHandling;
  const uint64_t serial = ++serial_;
  {
    Responder responder(NewConnectionSink({.io = context_->io,
                                           .connection = shared_from_this(),
                                           .serial = serial,
                                           .coding = coding_,
                                           .client = client_,
                                           .unread = context_->unread,
                                           .stream_limit = match_.options.stream_limit_bytes}));
    try {
      (*match_.handler)(std::move(request_), std::move(responder));
    } catch (const std::exception&) {
      // Out of memory, in practice. The responder answers 500 when it is destroyed.
    }
  }
  if (response_.has_value() && stream_ == nullptr) co_return;
  WatchClient(serial);
  answered_.expires_at(Clock::time_point::max());
  while (!response_.has_value() && !aborted_) co_await answered_.async_wait(kAwait);
  error_code ignored;
  if (stream_ == nullptr) socket_.cancel(ignored);  // the watch
}

std::optional<Response> Connection::AnswerWithoutHandler() {
  const std::string_view path = record_.path;
  const auto refuse = [&](int status, const std::string& detail) {
    return context_->options.refuse(path, status, detail);
  };
  if (match_.handler != nullptr) {
    if (coding_.acceptable) return std::nullopt;
    return refuse(406, "Accept-Encoding: gzip, deflate or identity");
  }
  const bool asks = request_.method == "OPTIONS";
  if (asks && path == "*") return PlainResponse(204);
  if (match_.malformed) return refuse(400, "the path has a % without two hexadecimal digits");
  if (match_.allow.empty()) {
    return refuse(404, "no such route: " + std::string(path.substr(0, kShownPathBytes)) +
                           "; there are " + context_->routes);
  }
  Response response =
      asks ? PlainResponse(204)
           : refuse(405, request_.method + " is not allowed here; allowed are " + match_.allow);
  response.headers.push_back({"Allow", match_.allow});
  return response;
}

void Connection::Drain() {
  if (phase_ == Phase::kIdle) Abort();
}

void Connection::Abort() {
  aborted_ = true;
  unlink();
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

bool Connection::Refuse(int status, std::string_view detail) {
  response_ = Refusal(status, detail);
  return false;
}

Response Connection::Refusal(int status, std::string_view detail) {
  return context_->options.refuse(PathSoFar(), status, detail);
}

std::string_view Connection::PathSoFar() {
  if (!record_.path.empty()) return record_.path;
  if (!parser_.has_value()) return {};
  std::string_view target = parser_->get().target();
  if (target.empty()) {
    const auto bytes = buffer_.cdata();
    const std::string_view line(static_cast<const char*>(bytes.data()), bytes.size());
    target = line.substr(std::min(line.find(' '), line.size() - 1) + 1);
    target = target.substr(0, target.find_first_of(" \r\n"));
  }
  const auto split = SplitTarget(target);
  return split.has_value() ? split->path : std::string_view();
}

bool Connection::RefuseForError(const error_code& error) {
  using HttpError = beast::http::error;
  if (timed_out_) return Refuse(408, "the request took too long to arrive");
  const ServerOptions& options = context_->options;
  if (error == HttpError::header_limit || error == HttpError::buffer_overflow) {
    return Refuse(431, "the request line and headers: limit " +
                           std::to_string(options.header_limit_bytes) + " bytes");
  }
  if (error == HttpError::body_limit) return RefuseLargeBody();
  if (error == HttpError::bad_version) return Refuse(505, "HTTP/1.0 or HTTP/1.1");
  // Left in the middle of a request, or the socket failed: nobody to answer.
  if (error == HttpError::end_of_stream || error == HttpError::partial_message) return false;
  if (error.category() != make_error_code(HttpError::bad_method).category()) return false;
  return Refuse(400, error.message());
}

}  // namespace minnow::http
