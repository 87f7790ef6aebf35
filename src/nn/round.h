// SPDX-License-Identifier: Apache-2.0
// Rounding that becomes vector code on the baseline instruction set, as std::nearbyint does not.
#pragma once

namespace minnow {

// To the nearest integer for |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
inline float RoundSmall(float x) {
  constexpr float kShift = 12582912.0f;
  return (x + kShift) - kShift;
}

}  // namespace minnow
