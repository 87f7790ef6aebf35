// SPDX-License-Identifier: Apache-2.0
// Request and Response: header lookup, reason phrases, and the response's header block.
#include "http/message.h"

#include <algorithm>

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
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 424:
      return "Failed Dependency";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
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

std::string FormatHead(const Response& response, bool keep_alive, std::string_view date) {
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
  if (!no_body) {
    AppendHeader("Content-Length", std::to_string(response.body.size()), out);
  }
  AppendHeader("Connection", keep_alive ? "keep-alive" : "close", out);
  for (const Header& header : response.headers) AppendHeader(header.name, header.value, out);
  out += "\r\n";
  return out;
}

}  // namespace minnow::http
