// SPDX-License-Identifier: Apache-2.0
// The client, over Boost.Beast, whose stream has one deadline for everything on it.
#include "http/client.h"

#include <netdb.h>
#include <nss.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <charconv>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "http/await.h"
#include "http/url.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

// Stored before it is tested, as in connection.cc.
constexpr size_t kPieceBytes = size_t{64} << 10;
constexpr size_t kMaxNameBytes = 253;

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

// What could end a header line, or the request line, early.
bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || text.front() == '-') return false;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_') return false;
  }
  // What ends in a number is meant as an IPv4 address.
  const std::string_view last = text.substr(text.rfind('.') + 1);
  return last.find_first_not_of("0123456789") != std::string_view::npos;
}

Error Wrong(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Error Describe(error_code error, const ClientOptions& options, bool idle) {
  if (error == beast::error::timeout) {
    const auto limit = idle ? options.idle_timeout : options.timeout;
    return {Code::kDeadline, (idle ? "nothing came for " : "no answer within ") +
                                 std::to_string(limit.count()) + " ms"};
  }
  if (error == beast::http::error::body_limit) {
    return Wrong("the answer has more than " + std::to_string(options.body_limit_bytes) + " bytes");
  }
  if (error == beast::http::error::end_of_stream || error == beast::http::error::partial_message) {
    return {Code::kCorrupt, "the connection ended before the answer did"};
  }
  const bool is_http =
      error.category() == make_error_code(beast::http::error::bad_version).category();
  if (is_http) return {Code::kCorrupt, "the answer is no HTTP: " + error.message()};
  return {Code::kInternal, error.message()};
}

std::string RequestText(const ClientTarget& target, const ClientOptions& options) {
  // The URL's own authority: an IPv6 address stands in brackets there too.
  const std::string url = target.Url();
  const size_t begin = std::string_view("http://").size();
  std::string text = "GET " + target.path +
                     " HTTP/1.1\r\nHost: " + url.substr(begin, url.find('/', begin) - begin) +
                     "\r\nUser-Agent: minnow\r\nAccept: */*\r\nConnection: close\r\n";
  if (!options.api_key.empty()) text += "Authorization: Bearer " + options.api_key + "\r\n";
  return text + "\r\n";
}

// What is to be done with an answer.
struct Exchange {
  const ClientOptions& options;
  const std::function<Status(int status)>& begin;
  const BodySink& take;
  Status result = Error{Code::kInternal, "out of memory"};
};

Error StatusError(int status) {
  const bool gone = status == 404 || status == 410;
  std::string message = "the answer is " + std::to_string(status);
  if (status >= 300 && status < 400) message += ", a redirect, which is not followed";
  return {gone ? Code::kNotFound : Code::kInternal, std::move(message)};
}

// Leaves the first step's failure.
asio::awaitable<void> Ask(Endpoints endpoints, std::string request, Exchange& exchange) {
  const ClientOptions& options = exchange.options;
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  const auto end = std::chrono::steady_clock::now() + options.timeout;
  bool idle = false;  // whether the next limit is the one between bytes
  const auto set_limit = [&] {
    const auto next = std::chrono::steady_clock::now() + options.idle_timeout;
    idle = options.idle_timeout.count() > 0 && next < end;
    stream.expires_at(idle ? next : end);
  };
  const auto failed = [&](error_code error) {
    if (error) exchange.result = Describe(error, options, idle);
    return static_cast<bool>(error);
  };
  set_limit();
  const auto [connect_error, endpoint] = co_await stream.async_connect(endpoints, kAwait);
  if (failed(connect_error)) co_return;
  const auto [write_error, written] =
      co_await asio::async_write(stream, asio::buffer(request), kAwait);
  if (failed(write_error)) co_return;
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::buffer_body> parser;
  parser.body_limit(options.body_limit_bytes);
  set_limit();
  const auto [head_error, head] =
      co_await beast::http::async_read_header(stream, buffer, parser, kAwait);
  if (failed(head_error)) co_return;
  Status status = exchange.begin(static_cast<int>(parser.get().result_int()));
  std::string piece(kPieceBytes, '\0');
  while (status.ok() && !parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    set_limit();
    const auto [error, read] =
        co_await beast::http::async_read_some(stream, buffer, parser, kAwait);
    if (error != beast::http::error::need_buffer && failed(error)) co_return;
    const size_t size = piece.size() - body.size;
    if (size > 0) status = exchange.take(std::string_view(piece).substr(0, size));
  }
  exchange.result = std::move(status);
}

// The static program can load none of the system's modules for names: it reads /etc/hosts and asks
// the name servers of /etc/resolv.conf itself, whatever /etc/nsswitch.conf says.
Result<Endpoints> LookUp(const ClientTarget& target) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(target.host, error);
  if (!error) return Endpoints{{address, target.port}};
  static const int configured = __nss_configure_lookup("hosts", "files dns");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure =
      configured != 0
          ? EAI_FAIL
          : getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
  if (failure != 0) {
    return Error{Code::kInternal, target.host + ": the name cannot be looked up: " +
                                      std::string(gai_strerror(failure))};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  Endpoints endpoints;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (one->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
    endpoint.resize(one->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  return endpoints;
}

Status Get(const ClientTarget& target, const ClientOptions& options,
           const std::function<Status(int status)>& begin, const BodySink& take) {
  if (HasControl(options.api_key)) return Wrong("the API key has a control character");
  MINNOW_ASSIGN_OR_RETURN(Endpoints endpoints, LookUp(target));
  asio::io_context io(1);
  Exchange exchange{options, begin, take};
  asio::co_spawn(io, Ask(std::move(endpoints), RequestText(target, options), exchange),
                 [](std::exception_ptr) {});
  const std::stop_callback stop(options.stop, [&io] { io.stop(); });
  io.run();
  if (options.stop.stop_requested()) return Error{Code::kDeadline, "stopped"};
  return std::move(exchange.result);
}

}  // namespace

std::string ClientTarget::Url() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + path;
}

Result<ClientTarget> ParseClientUrl(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return Wrong("it does not begin with http://");
  if (HasControl(url) || url.find(' ') != std::string::npos) {
    return Wrong("it has a space or a control character");
  }
  std::string authority = url.substr(kScheme.size());
  ClientTarget target;
  if (const size_t slash = authority.find_first_of("/?#"); slash != std::string::npos) {
    target.path = authority.substr(slash, authority.find('#') - slash);
    if (!target.path.starts_with('/')) target.path.insert(0, "/");
    authority.resize(slash);
  }
  const size_t colon = authority.rfind(':');
  // "[::1]" has colons, but no port.
  if (colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
    const char* end = authority.data() + authority.size();
    const auto [at, error] = std::from_chars(authority.data() + colon + 1, end, target.port);
    if (error != std::errc() || at != end || target.port == 0) {
      return Wrong("its port is not in range [1 - 65535]");
    }
    authority.resize(colon);
  }
  const bool brackets = authority.size() > 2 && authority.front() == '[' && authority.back() == ']';
  std::string host = brackets ? authority.substr(1, authority.size() - 2) : authority;
  if (EqualsIgnoringCase(host, "localhost")) host = "127.0.0.1";
  error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (!error && address.is_v6() == brackets) {
    target.host = address.to_string();
  } else if (error && !brackets && IsName(host)) {
    target.host = host;
  } else {
    return Wrong("its host is no name, no IPv4 address and no [IPv6 address]");
  }
  return target;
}

Result<ClientAnswer> HttpGet(const ClientTarget& target, const ClientOptions& options) {
  ClientAnswer answer;
  MINNOW_RETURN_IF_ERROR(Get(
      target, options,
      [&answer](int status) {
        answer.status = status;
        return Status();
      },
      [&answer](std::string_view piece) {
        answer.body += piece;
        return Status();
      }));
  return answer;
}

Status HttpDownload(const ClientTarget& target, const ClientOptions& options,
                    const BodySink& take) {
  return Get(
      target, options,
      [](int status) { return status == 200 ? Status() : Status(StatusError(status)); }, take);
}

}  // namespace minnow::http
