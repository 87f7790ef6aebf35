// SPDX-License-Identifier: Apache-2.0
// The error of a search that has no id to choose.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace minnow {

// `length`: decoder ids so far, start id included.
inline Error NoIdLeft(size_t length, bool logits_are_broken) {
  const std::string token = "token " + std::to_string(length) + ": ";
  if (logits_are_broken) {
    return {Code::kInternal, token + "the model gives no logit above minus infinity"};
  }
  return {Code::kInvalidArgument, token + "the settings forbid every id"};
}

}  // namespace minnow
