// SPDX-License-Identifier: Apache-2.0
// Names of error codes, and the end of a program that found itself wrong.
#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace minnow {

const char* CodeName(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kOverloaded:
      return "overloaded";
    case Code::kDeadline:
      return "deadline";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed: this is a bug in minnow\n", file, line, condition);
  std::abort();
}

}  // namespace minnow
