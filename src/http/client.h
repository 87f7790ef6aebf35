// SPDX-License-Identifier: Apache-2.0
// A client for probes and downloads: one GET over HTTP/1.1, one answer, one deadline for all of it.
//
// Pure function of the network, callable from any thread; it blocks. Names are looked up in
// /etc/hosts and by DNS, for as long as /etc/resolv.conf allows. There is no TLS.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow::http {

struct ClientTarget {
  std::string host;  // a name, or an IPv4 or IPv6 address without brackets
  uint16_t port = 80;
  std::string path = "/";  // with its query

  // "http://127.0.0.1:8080/health", with brackets around an IPv6 address.
  std::string Url() const;
};

// Takes "http://HOST[:PORT][/PATH]"; HOST is a name, IPv4, or IPv6 in brackets; localhost is
// 127.0.0.1. kInvalidArgument says what of it is wrong.
Result<ClientTarget> ParseClientUrl(const std::string& url);

struct ClientOptions {
  std::chrono::milliseconds timeout{3000};        // from connecting to the last byte
  std::chrono::milliseconds idle_timeout{0};      // without a byte more; 0: only `timeout` counts
  uint64_t body_limit_bytes = uint64_t{1} << 20;  // above: kInvalidArgument
  std::string api_key = {};                       // sent as Authorization: Bearer; empty: none
  std::stop_token stop = {};                      // asked to stop, it ends with kDeadline at once
};

struct ClientAnswer {
  int status = 0;
  std::string body;
};

// kDeadline: no whole answer within the timeout; kCorrupt: what came is no HTTP; kInternal: the
// connection failed. Messages do not name the target.
Result<ClientAnswer> HttpGet(const ClientTarget& target, const ClientOptions& options);

// Takes a piece of a body; a failure ends the request.
using BodySink = std::function<Status(std::string_view)>;

// The body of an answer of 200, as it comes. Any other one is an error that tells it: kNotFound for
// 404 and 410, else kInternal; redirects are not followed. Fails also as HttpGet and `take` do.
Status HttpDownload(const ClientTarget& target, const ClientOptions& options, const BodySink& take);

}  // namespace minnow::http
