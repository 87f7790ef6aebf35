// SPDX-License-Identifier: Apache-2.0
// Request and Response: header lookup, reason phrases, and the response's header block.
#include "http/message.h"

#include <algorithm>
#include <boost/beast/http/status.hpp>

#include "http/url.h"

namespace minnow::http {
namespace {

std::string_view FindValue(const std::vector<Header>& list, std::string_view name) {
  for (const Header& header : list) {
    if (EqualsIgnoringCase(header.name, name)) return header.value;
  }
  return {};
}

void AppendHeader(std::string_view name, std::string_view value, std::string& out) {
  const auto append_safely = [&out](std::string_view text) {
    for (const char c : text) out += (c == '\r' || c == '\n' || c == '\0') ? ' ' : c;
  };
  append_safely(name);
  out += ": ";
  append_safely(value);
  out += "\r\n";
}

}  // namespace

std::string_view Request::FindHeader(std::string_view name) const {
  return FindValue(headers, name);
}

std::string_view Request::Parameter(std::string_view name) const {
  return FindValue(parameters, name);
}

std::string_view ReasonPhrase(int status) {
  namespace beast = boost::beast::http;
  const beast::status known = beast::int_to_status(static_cast<unsigned>(status));
  return known == beast::status::unknown ? "Status"
                                         : std::string_view(beast::obsolete_reason(known));
}

Response PlainResponse(int status, std::string_view detail) {
  Response response;
  response.status = status;
  response.body = ReasonPhrase(status);
  if (!detail.empty()) {
    response.body += ": ";
    response.body += detail;
  }
  response.body += '\n';
  return response;
}

Response PlainRefusal(std::string_view, int status, std::string_view detail) {
  Response response = PlainResponse(status, detail);
  if (status == 429 || status == 503) response.headers.push_back({"Retry-After", "1"});
  return response;
}

std::string FormatHead(const Response& response, bool keep_alive, std::string_view date,
                       BodyEnd body_end) {
  std::string out;
  out.reserve(256);
  out += "HTTP/1.1 ";
  out += std::to_string(response.status);
  out += ' ';
  out += ReasonPhrase(response.status);
  out += "\r\n";
  AppendHeader("Date", date, out);
  const bool no_body = response.status == 204 || response.status == 304;
  if (!response.content_type.empty() && !no_body) {
    AppendHeader("Content-Type", response.content_type, out);
  }
  // 204 has no body, and RFC 9110 (8.6) forbids the length there; that of 304 would be another's.
  if (!no_body && body_end == BodyEnd::kLength) {
    AppendHeader("Content-Length", std::to_string(response.body.size()), out);
  }
  if (!no_body && body_end == BodyEnd::kChunks) AppendHeader("Transfer-Encoding", "chunked", out);
  AppendHeader("Connection", keep_alive ? "keep-alive" : "close", out);
  for (const Header& header : response.headers) AppendHeader(header.name, header.value, out);
  out += "\r\n";
  return out;
}

}  // namespace minnow::http
