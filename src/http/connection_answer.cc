// SPDX-License-Identifier: Apache-2.0
// Connection: what becomes of the answer, whole or in pieces, and of a client who does not wait for
// it.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <utility>

#include "http/await.h"
#include "http/connection.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// An awaited result is stored before it is tested: see connection.cc.

constexpr size_t kWriteChunkBytes = 256 * 1024;
// A client that closes its sending side together with its request (`nc -N`, HTTP/1.0 tools) still
// waits for the answer; one that closes later has left. TCP cannot tell the two apart otherwise.
constexpr std::chrono::milliseconds kHalfCloseGrace{100};
constexpr std::chrono::milliseconds kLingerTimeout{2000};
constexpr size_t kLingerBytes = size_t{64} << 20;

// Makes one chunk of `bytes`, with what goes before it, and ends the body where this is its end. An
// empty chunk would end it too early.
void AddFraming(bool ended, std::string& before, std::string& bytes) {
  if (!bytes.empty()) {
    char digits[16];
    before.append(digits, std::to_chars(digits, std::end(digits), bytes.size(), 16).ptr);
    before += "\r\n";
    bytes += "\r\n";
  }
  if (ended) bytes += "0\r\n\r\n";
}

}  // namespace

void Connection::OnResponse(uint64_t serial, Response response) {
  if (phase_ != Phase::kHandling || !Works(serial)) return;
  response_ = std::move(response);
  answered_.cancel();  // first: what follows may run out of memory
  AdmitAnswer();
}

void Connection::OnStream(uint64_t serial, Response head, std::shared_ptr<StreamPipe> pipe) {
  if (phase_ != Phase::kHandling || !Works(serial)) return;
  response_ = std::move(head);
  stream_ = std::move(pipe);
  answered_.cancel();
}

void Connection::OnPieces(uint64_t serial) {
  if (serial != serial_ || stream_ == nullptr) return;
  if (stream_->overfull()) {
    ClientLeft();
    error_code ignored;
    socket_.cancel(ignored);  // what is being written
  }
  answered_.cancel();
}

void Connection::AdmitAnswer() {
  switch (unread_.Resize(response_->body.size())) {
    case UnreadShare::Verdict::kTaken:
      return;
    case UnreadShare::Verdict::kTooMany:
      Refuse(429, "too many answers wait for their clients to read them");
      return;
    case UnreadShare::Verdict::kMemoryFull:
      Refuse(429, "memory full");
      return;
  }
}

void Connection::ReleaseAnswer() {
  (void)unread_.Resize(0);
  stream_ = nullptr;
  response_.reset();
}

void Connection::FinishHead(BodyEnd body_end) {
  context_->access.AddHeaders(allowed_origin_, *response_);
  if (!record_.trace.empty()) response_->headers.push_back({"traceparent", record_.trace});
  head_ = FormatHead(*response_, keep_alive_, context_->Date(), body_end);
}

asio::awaitable<bool> Connection::WriteResponse() {
  phase_ = Phase::kWriting;
  FinishHead(BodyEnd::kLength);
  const bool has_body = !is_head_ && response_->status != 204 && response_->status != 304;
  const std::string_view body = has_body ? response_->body : std::string_view();
  const bool written = co_await WriteAll(head_, body);
  Report(response_->status, body.size());
  ReleaseAnswer();
  deadline_ = Clock::time_point::max();
  co_return written;
}

asio::awaitable<bool> Connection::WriteStream() {
  phase_ = Phase::kStreaming;
  const bool chunked = !is_http_10_;
  if (!chunked) keep_alive_ = false;
  FinishHead(chunked ? BodyEnd::kChunks : BodyEnd::kClose);
  body_bytes_ = 0;
  bool whole = false;
  if (is_head_ || response_->status == 204 || response_->status == 304) {
    whole = co_await WriteAll(head_, {});
    ClientLeft();  // nobody is to see what the handler would still make
  } else {
    whole = co_await WritePieces(chunked);
  }
  error_code ignored;
  socket_.cancel(ignored);  // the watch
  // Without chunks only a reset connection says that something is missing.
  if (!whole && !chunked) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  Report(response_->status, body_bytes_);
  ReleaseAnswer();
  deadline_ = Clock::time_point::max();
  if (context_->draining) keep_alive_ = false;
  co_return whole;
}

asio::awaitable<bool> Connection::WritePieces(bool chunked) {
  std::string before = head_;  // what goes before the next pieces
  while (!aborted_ && !client_->gone()) {
    StreamPipe::Taken taken = stream_->Take();
    const size_t size = taken.bytes.size();
    if (chunked) AddFraming(taken.state == StreamPipe::State::kEnded, before, taken.bytes);
    const bool writes = !before.empty() || !taken.bytes.empty();
    if (writes) {
      const bool written = co_await WriteAll(before, taken.bytes);
      if (!written) co_return false;
      deadline_ = Clock::time_point::max();  // a handler may take its time
      before.clear();
      body_bytes_ += size;
      stream_->Release();
    }
    if (taken.state != StreamPipe::State::kOpen) {
      co_return taken.state == StreamPipe::State::kEnded;
    }
    if (!writes) co_await answered_.async_wait(kAwait);
  }
  co_return false;
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

void Connection::Report(int status, size_t body_bytes) {
  context_->counters->CountAnswer(status);
  context_->counters->sent_bytes.fetch_add(head_.size() + body_bytes, std::memory_order_relaxed);
  if (!context_->options.on_answered) return;
  record_.status = status;
  record_.body_bytes = body_bytes;
  record_.took = Clock::now() - request_received_;
  context_->options.on_answered(record_);
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

void Connection::WatchClient(uint64_t serial) {
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this(), serial](const error_code& error) {
                       if (!error) self->OnReadable(serial);
                     });
}

bool Connection::Works(uint64_t serial) const {
  if (serial != serial_ || aborted_) return false;
  return phase_ == Phase::kStreaming ||
         (phase_ == Phase::kHandling && (!response_.has_value() || stream_ != nullptr));
}

void Connection::OnReadable(uint64_t serial) {
  if (!Works(serial)) return;
  char byte;
  const ssize_t size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (size > 0) return;  // the next request: it waits its turn, and the watch ends
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    WatchClient(serial);
    return;
  }
  keep_alive_ = false;
  const bool half_closed = size == 0 && Clock::now() - read_done_ < kHalfCloseGrace;
  if (half_closed) return;
  ClientLeft();
  answered_.cancel();  // a stream ends with its client
}

void Connection::ClientLeft() {
  if (client_ != nullptr) client_->MarkGone();
}

}  // namespace minnow::http
