// SPDX-License-Identifier: Apache-2.0
// The client for probes, over Boost.Beast, whose stream has one deadline for everything on it.
#include "http/client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <exception>
#include <string_view>
#include <utility>

#include "http/url.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

// Stored before it is tested, as in connection.cc.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What could end a header line, or the request line, early.
bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

Error Wrong(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Error Describe(error_code error, const ClientOptions& options) {
  if (error == beast::error::timeout) {
    return {Code::kDeadline, "no answer within " + std::to_string(options.timeout.count()) + " ms"};
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

// Gives each step's failure, else the answer.
asio::awaitable<void> Ask(asio::ip::tcp::endpoint endpoint, std::string request,
                          const ClientOptions& options, Result<ClientAnswer>& result) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(options.timeout);
  const auto [connect_error] = co_await stream.async_connect(endpoint, kAwait);
  if (connect_error) {
    result = Describe(connect_error, options);
    co_return;
  }
  const auto [write_error, written] =
      co_await asio::async_write(stream, asio::buffer(request), kAwait);
  if (write_error) {
    result = Describe(write_error, options);
    co_return;
  }
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(options.body_limit_bytes);
  const auto [read_error, read] = co_await beast::http::async_read(stream, buffer, parser, kAwait);
  if (read_error) {
    result = Describe(read_error, options);
    co_return;
  }
  const int status = static_cast<int>(parser.get().result_int());
  result = ClientAnswer{status, std::move(parser.get().body())};
}

}  // namespace

std::string ClientTarget::Url() const {
  const bool is_v6 = address.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port) + path;
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
  if (error || address.is_v6() != brackets) {
    return Wrong("its host is no IPv4 address, no [IPv6 address] and not localhost");
  }
  target.address = address.to_string();
  return target;
}

Result<ClientAnswer> HttpGet(const ClientTarget& target, const ClientOptions& options) {
  if (HasControl(options.api_key)) return Wrong("the API key has a control character");
  error_code error;
  const asio::ip::address address = asio::ip::make_address(target.address, error);
  if (error) return Wrong("not an IPv4 or IPv6 address: " + target.address);
  asio::io_context io(1);
  Result<ClientAnswer> result = Error{Code::kInternal, "out of memory"};
  asio::co_spawn(io, Ask({address, target.port}, RequestText(target, options), options, result),
                 [](std::exception_ptr) {});
  io.run();
  return result;
}

}  // namespace minnow::http
