// SPDX-License-Identifier: Apache-2.0
// Server: the listening socket, the I/O thread, deadlines and drain.
#include "http/server.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "http/await.h"
#include "http/connection.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kScratchBytes = 64 * 1024;
constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::chrono::seconds kWarningPause{10};
constexpr size_t kOtherFiles = 64;  // that the process may have open beside connections
constexpr std::chrono::milliseconds kLongestTick{250};
constexpr std::chrono::milliseconds kShortestTick{5};

Result<asio::ip::address> ParseHost(std::string host) {
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error) return Error{Code::kInvalidArgument, "not an IPv4 or IPv6 address"};
  return address;
}

// How many connections leave the rest of the process enough files.
size_t MostConnections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  const size_t files = limit.rlim_cur;
  return std::max<size_t>(files - std::min(kOtherFiles, files / 2), 1);
}

bool IsShortage(const error_code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
         error == asio::error::no_memory ||
         error == boost::system::errc::too_many_files_open_in_system;
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Router router) : acceptor_(*io_), retry_(*io_), tick_(*io_) {
    context_.options = std::move(options);
    context_.router = std::move(router);
    context_.options.max_connections =
        std::min(context_.options.max_connections, MostConnections());
    context_.routes = context_.router.Describe();
    context_.counters = context_.options.counters;
    if (context_.counters == nullptr) context_.counters = std::make_shared<ServerCounters>();
    context_.io = io_;
    context_.scratch.resize(kScratchBytes);
    context_.unread->limit = context_.options.max_unread_bytes;
    context_.unread->stream_limit = context_.options.max_stream_bytes;
    context_.unread->memory = context_.options.memory;
  }

  Status SetAccess();
  Status Listen();
  void StartThread();
  void Stop(std::optional<std::chrono::milliseconds> timeout);
  uint16_t port() const { return port_; }
  const ServerCounters& counters() const { return *context_.counters; }

 private:
  asio::awaitable<void> AcceptLoop();
  void Adopt(tcp::socket socket);
  void Remove(const std::shared_ptr<Connection>& connection);
  bool CloseLongestIdle();  // false: there is none
  void RefuseOverLimit(tcp::socket& socket);
  void WarnOfLimit();
  void ScheduleTick();
  void OnTick();
  void BeginDrain(std::chrono::milliseconds timeout);
  void FinishIfDrained();

  std::shared_ptr<asio::io_context> io_ = std::make_shared<asio::io_context>(1);
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_ =
      asio::make_work_guard(*io_);
  ServerContext context_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;  // after a failed accept
  asio::steady_timer tick_;   // looks at deadlines; runs while there are connections
  bool ticking_ = false;
  size_t closed_idle_ = 0;  // since the last warning
  size_t refused_ = 0;
  std::chrono::steady_clock::time_point next_warning_;
  std::chrono::steady_clock::time_point drain_deadline_ =
      std::chrono::steady_clock::time_point::max();
  uint16_t port_ = 0;
  std::mutex stop_mutex_;
  std::thread thread_;
};

Status Server::Impl::SetAccess() {
  MINNOW_ASSIGN_OR_RETURN(context_.access,
                          Access::Make(context_.options.access, context_.options.refuse));
  return {};
}

Status Server::Impl::Listen() {
  const ServerOptions& options = context_.options;
  const std::string name = options.host + ":" + std::to_string(options.port);
  auto address = ParseHost(options.host);
  if (!address.ok()) return Annotate(std::move(address).error(), name);
  const tcp::endpoint endpoint(*address, options.port);
  error_code error;
  const char* step = "open";
  acceptor_.open(endpoint.protocol(), error);
  if (!error) {
    step = "reuse address";
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    step = "bind";
    acceptor_.bind(endpoint, error);
  }
  if (!error) {
    step = "listen";
    acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  }
  if (error) return Error{Code::kInternal, name + ": " + step + ": " + error.message()};
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

void Server::Impl::StartThread() {
  asio::co_spawn(*io_, AcceptLoop(), [](std::exception_ptr) {});
  thread_ = std::thread([this] {
    // Handlers and coroutines catch their own exceptions; what still gets here (out of memory in
    // the loop itself) must not end the program.
    for (;;) {
      try {
        io_->run();
        return;
      } catch (const std::exception&) {
        continue;
      }
    }
  });
}

asio::awaitable<void> Server::Impl::AcceptLoop() {
  bool pauses = false;
  while (acceptor_.is_open()) {
    try {
      if (std::exchange(pauses, false)) {
        // Connections that close will give something back.
        retry_.expires_after(kAcceptRetry);
        co_await retry_.async_wait(kAwait);
        continue;
      }
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (!acceptor_.is_open()) co_return;
      if (error) {
        pauses = !IsShortage(error) || !CloseLongestIdle();
      } else {
        Adopt(std::move(socket));
      }
    } catch (const std::exception&) {
      pauses = true;  // out of memory, in practice: this client is lost, the next one need not be
    }
  }
}

void Server::Impl::Adopt(tcp::socket socket) {
  context_.counters->accepted_connections.fetch_add(1, std::memory_order_relaxed);
  if (context_.connections.size() >= context_.options.max_connections && !CloseLongestIdle()) {
    return RefuseOverLimit(socket);
  }
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(std::move(socket), &context_);
  context_.connections.insert(connection.get());
  try {
    asio::co_spawn(
        *io_, [connection] { return connection->Run(); },
        [this, connection](std::exception_ptr) { Remove(connection); });
  } catch (const std::exception&) {
    context_.connections.erase(connection.get());
    throw;
  }
  context_.counters->open_connections.store(context_.connections.size(), std::memory_order_relaxed);
  ScheduleTick();
}

void Server::Impl::Remove(const std::shared_ptr<Connection>& connection) {
  connection->Abort();
  context_.connections.erase(connection.get());
  context_.counters->open_connections.store(context_.connections.size(), std::memory_order_relaxed);
  FinishIfDrained();
}

bool Server::Impl::CloseLongestIdle() {
  if (context_.idle.empty()) return false;
  Connection& connection = context_.idle.front();
  connection.Abort();
  // Its coroutine ends by itself, but does not count any more.
  context_.connections.erase(&connection);
  ++closed_idle_;
  WarnOfLimit();
  return true;
}

void Server::Impl::WarnOfLimit() {
  const auto now = std::chrono::steady_clock::now();
  if (closed_idle_ + refused_ == 0 || now < next_warning_) return;
  next_warning_ = now + kWarningPause;
  const std::string message = "connection limit " +
                              std::to_string(context_.options.max_connections) +
                              " reached: closed " + std::to_string(std::exchange(closed_idle_, 0)) +
                              " idle, refused " + std::to_string(std::exchange(refused_, 0));
  if (context_.options.warn) context_.options.warn(message);
}

void Server::Impl::RefuseOverLimit(tcp::socket& socket) {
  ++refused_;
  WarnOfLimit();
  const Response response =
      context_.options.refuse({}, 503, "connection limit reached: all others are at work");
  const std::string text =
      FormatHead(response, /*keep_alive=*/false, context_.Date()) + response.body;
  // One try: whatever the socket's empty buffer does not take is lost.
  (void)::send(socket.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Server::Impl::ScheduleTick() {
  if (ticking_ || context_.connections.empty()) return;
  ticking_ = true;
  const ServerOptions& o = context_.options;
  const auto shortest = std::min(
      {o.header_timeout, o.body_timeout, o.idle_timeout, o.write_timeout, o.drain_timeout});
  tick_.expires_after(std::clamp(shortest / 4, kShortestTick, kLongestTick));
  tick_.async_wait([this](const error_code&) {
    ticking_ = false;
    OnTick();
    ScheduleTick();
  });
}

void Server::Impl::OnTick() {
  const auto now = std::chrono::steady_clock::now();
  const bool cut_off = now >= drain_deadline_;
  WarnOfLimit();
  for (Connection* connection : context_.connections) {
    connection->CheckDeadline(now);
    if (cut_off) connection->Abort();
  }
}

void Server::Impl::Stop(std::optional<std::chrono::milliseconds> timeout) {
  const std::lock_guard lock(stop_mutex_);
  if (!thread_.joinable()) return;
  asio::post(*io_, [this, limit = timeout.value_or(context_.options.drain_timeout)] {
    BeginDrain(limit);
  });
  thread_.join();
}

void Server::Impl::BeginDrain(std::chrono::milliseconds timeout) {
  context_.draining = true;
  drain_deadline_ = std::chrono::steady_clock::now() + timeout;
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  for (Connection* connection : context_.connections) connection->Drain();
  FinishIfDrained();
}

void Server::Impl::FinishIfDrained() {
  if (!context_.draining || !context_.connections.empty()) return;
  tick_.cancel();
  work_.reset();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Stop(); }

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Router router) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(router));
  MINNOW_RETURN_IF_ERROR(impl->SetAccess());
  MINNOW_RETURN_IF_ERROR(impl->Listen());
  impl->StartThread();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const { return impl_->port(); }

const ServerCounters& Server::counters() const { return impl_->counters(); }

void Server::Stop(std::optional<std::chrono::milliseconds> timeout) { impl_->Stop(timeout); }

}  // namespace minnow::http
