// SPDX-License-Identifier: Apache-2.0
// Vectors as an index keeps and compares them: of length 1.
#pragma once

#include <cmath>
#include <span>
#include <string>

#include "base/result.h"

namespace minnow {

// A vector that has length 1 already, but for rounding, keeps its bits; one of zeros stays.
// kInvalidArgument where a value is not finite; the message begins with `what`.
inline Status ToUnitLength(std::span<float> vector, const char* what) {
  constexpr double kTolerance = 1e-4;
  double squares = 0;
  for (const float value : vector) squares += double{value} * double{value};
  if (!std::isfinite(squares)) {
    return Error{Code::kInvalidArgument, std::string(what) + ": a value is not finite"};
  }
  if (squares == 0 || std::abs(squares - 1) < kTolerance) return {};
  const double scale = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
  return {};
}

}  // namespace minnow
