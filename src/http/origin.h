// SPDX-License-Identifier: Apache-2.0
// OriginPattern: which origins (scheme, host and port of a page, as browsers send them) an operator
// allows.
//
// A value; reading it is safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow::http {

class OriginPattern {
 public:
  // "*" (every origin), "null" (files and sandboxed frames), or scheme://host[:port], where
  //   scheme://*       is every origin of that scheme ("chrome-extension://*"),
  //   https://*.a.com  every host below a.com, not a.com itself,
  //   http://a.com:*   every port.
  // Letters of any case, a slash at the end and a scheme's own port (":443") make no difference.
  // kInvalidArgument says what is wrong with anything else.
  static Result<OriginPattern> Parse(std::string_view text);

  bool Matches(std::string_view origin) const;
  bool everything() const { return scheme_ == "*"; }

 private:
  std::string scheme_;  // in lower case, as the others; "*": every origin; "null": that one
  std::string host_;
  std::string port_;  // empty: the scheme's own
};

}  // namespace minnow::http
