// SPDX-License-Identifier: Apache-2.0
// What the system says of a call that failed.
#pragma once

#include <string>

#include "base/result.h"

namespace minnow {

// "path: what: No such file or directory", by errno; kNotFound where a file or folder does not
// exist, else kInternal.
Error SystemError(const std::string& path, const char* what);

}  // namespace minnow
