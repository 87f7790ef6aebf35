// SPDX-License-Identifier: Apache-2.0
// TokenBatch: what crosses from scheduling to arithmetic.
#pragma once

#include <cstdint>
#include <span>

namespace minnow {

// Texts packed end to end: text b is ids[starts[b] .. starts[b + 1]). No padding, so no mask.
struct TokenBatch {
  std::span<const int32_t> ids;  // [T], each in [0, vocab_size)
  std::span<const int32_t>
      starts;  // [B + 1], starts[0] = 0, starts[B] = T; every text has at least one token
  std::span<const uint8_t> type_ids;  // [T], each in [0, type_vocab_size), or empty: all 0

  std::span<const int32_t> unpooled;  // [B], or empty: tokens at each text's beginning that its
                                      // vector leaves out, fewer than it has

  size_t tokens() const { return ids.size(); }
  size_t texts() const { return starts.size() - 1; }
};

}  // namespace minnow
