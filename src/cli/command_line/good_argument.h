// SPDX-License-Identifier: Apache-2.0
// Arguments that are read by a function of their own.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "cli/command_line/command.h"

namespace minnow {

// For OnChosen: what the argument was read as, or the end of the parse as wrong usage.
template <class T>
T GoodArgument(const std::string& name, Result<T> read) {
  if (!read.ok()) RefuseArgument(name, read.error().message);
  return std::move(read).value();
}

}  // namespace minnow
