// SPDX-License-Identifier: Apache-2.0
// MergeTable: two tokens side by side -> the merge that makes one of them. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/models/vocabulary.h"

namespace minnow {

class MergeTable {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr size_t kMaxMerges = (size_t{1} << 24) - 2;

  MergeTable() = default;
  // `pairs`: ids of two parts, the first merge first, borrowed; an odd last one does not count. A
  // merge makes the token whose text is that of both parts, the second without its first
  // `prefix_bytes`. Of a pair given twice the last counts, as in Hugging Face tokenizers. kCorrupt:
  // an id without a token, no token of that text, pairs made to collide; the message names
  // the merge. kUnsupported: more than kMaxMerges.
  static Result<MergeTable> Build(std::span<const uint32_t> pairs, size_t prefix_bytes,
                                  const Vocabulary& vocabulary);

  // The rank (0: first) of the merge of these two, or kNone.
  uint32_t Find(uint32_t first, uint32_t second) const {
    if (slots_.empty()) return kNone;
    const uint64_t hash = Hash(first, second);
    const uint32_t tag = static_cast<uint32_t>(hash) << kRankBits;
    for (size_t slot = FirstSlot(hash);; slot = slot + 1 == slots_.size() ? 0 : slot + 1) {
      const uint32_t found = slots_[slot];
      if (found == 0) return kNone;
      const size_t rank = (found & kRankMask) - 1;
      if ((found & ~kRankMask) == tag && pairs_[2 * rank] == first &&
          pairs_[2 * rank + 1] == second) {
        return static_cast<uint32_t>(rank);
      }
    }
  }
  // REQUIRES: a rank that Find gave
  uint32_t merged(uint32_t rank) const { return merged_[rank]; }

 private:
  static constexpr uint32_t kRankBits = 24;
  static constexpr uint32_t kRankMask = (uint32_t{1} << kRankBits) - 1;

  static uint64_t Hash(uint32_t first, uint32_t second) {
    uint64_t hash = (uint64_t{first} << 32 | second) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
  }
  size_t FirstSlot(uint64_t hash) const { return (hash >> 32) * uint64_t{slots_.size()} >> 32; }
  // False where that pair stands too far from its first slot.
  bool Insert(uint32_t rank);

  std::span<const uint32_t> pairs_;
  std::vector<uint32_t> merged_;  // the token that each merge makes
  // Open addressing, never full: 8 bits of the pair's hash above its rank + 1; 0 is empty.
  std::vector<uint32_t> slots_;
};

}  // namespace minnow
