// SPDX-License-Identifier: Apache-2.0
// Router: method and path -> handler.
//
// Filled before the server starts, read-only afterwards (then from any thread). A pattern is a path
// whose segments may be parameters: "/docs/{id}". A parameter takes one segment that is not empty,
// percent-decoded ("%2F" is a slash inside it); "{rest*}" at the end takes all that is left,
// slashes included, even nothing. Literal paths go before patterns, earlier patterns before later
// ones. A path that no route has as it stands is looked for again in its normal form (NormalPath).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/responder.h"

namespace minnow::http {

// Called on the I/O thread: it must neither block nor compute, but hand the work over and return.
using Handler = std::function<void(Request, Responder)>;

// What the server does for a route before its handler is called.
struct RouteOptions {
  bool open = false;                      // needs no API key
  bool listed = true;                     // Describe names it
  bool lone_percent = false;              // a '%' that begins no escape is itself, instead of 400
  size_t body_limit_bytes = 0;            // 0: the server's
  std::string_view body_limit_flag = {};  // as ServerOptions has it
  size_t stream_limit_bytes = 0;          // ServerOptions::max_stream_bytes, where it is more
};

class Router {
 public:
  // REQUIRES: `path` begins with '/', and the pair was not added before.
  void Add(std::string method, std::string path, Handler handler, RouteOptions options = {});

  struct Match {
    const Handler* handler = nullptr;  // null: not found, or the method is not allowed
    RouteOptions options;
    std::vector<Header> parameters;
    std::string
        allow;  // methods of that path ("GET, HEAD, OPTIONS"); empty when the path is unknown
    bool malformed = false;  // bad percent-encoding: 400
  };
  // HEAD finds the handler of GET. `path` is still encoded.
  Match Find(std::string_view method, std::string_view path) const;

  // The routes for people: "/embed (POST), /health (GET), ...".
  std::string Describe() const;

 private:
  struct Route {
    Handler handler;
    RouteOptions options;
  };
  using Methods = std::map<std::string, Route, std::less<>>;
  struct Pattern {
    std::vector<std::string> segments;  // as written, "{name}" for a parameter
    Methods methods;
  };

  Match FindAsWritten(std::string_view method, std::string_view path) const;
  // Takes the method's handler, where there is one, and adds the path's methods to match.allow.
  static void Resolve(const Methods& methods, std::string_view method, Match& match);
  static void AllowOptions(Match& match);
  static bool TakesLonePercent(const Methods& methods);

  std::map<std::string, Methods, std::less<>> literals_;
  std::vector<Pattern> patterns_;
};

}  // namespace minnow::http
