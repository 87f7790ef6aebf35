// SPDX-License-Identifier: Apache-2.0
#include "base/system_error.h"

#include <cerrno>
#include <cstring>

namespace minnow {

Error SystemError(const std::string& path, const char* what) {
  const int number = errno;
  const Code code = number == ENOENT || number == ENOTDIR ? Code::kNotFound : Code::kInternal;
  return Error{code, path + ": " + what + ": " + std::strerror(number)};
}

}  // namespace minnow
