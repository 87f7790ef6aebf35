// SPDX-License-Identifier: Apache-2.0
// Sizes rounded up.
#pragma once

#include <cstddef>

namespace minnow {

// The least multiple of unit >= 1 that is no less than n.
constexpr size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Bytes of the whole cache lines that hold so many bytes.
constexpr size_t CacheLines(size_t bytes) { return RoundUp(bytes, 64); }

}  // namespace minnow
