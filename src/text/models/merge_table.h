// SPDX-License-Identifier: Apache-2.0
// MergeTable: two tokens side by side -> the merge that makes one of them, in flat arrays that a
// packed file holds as they are (formats/PACKED.md). Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "text/models/vocabulary.h"

namespace minnow {

// The arrays. Borrowed.
//
// Hash table, open addressing: a pair stands in the first free slot from its hash's on, around the
// end, at most kMaxProbes further. A slot holds 8 bits of the pair's hash above the pair's rank + 1
// (24 bits); 0 is empty.
struct MergeArrays {
  std::span<const uint32_t> pairs;        // [2 * merges]: ids of two parts, the first merge first
  std::span<const uint32_t> merged = {};  // [merges]: the token that each makes
  std::span<const uint32_t> slots = {};
};

class MergeTable {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr size_t kMaxText = size_t{1} << 26;
  static constexpr size_t kMaxMerges = (size_t{1} << 24) - 2;

  // `pairs` is borrowed; an odd last id does not count. A merge makes the token whose text is that
  // of both parts, the second without its first `prefix_bytes`. Of a pair given twice the last
  // counts, as in Hugging Face tokenizers. kCorrupt: an id without a token, no token of that text,
  // pairs made to collide; the message names the merge. kUnsupported: more than kMaxMerges, or
  // parts of more than kMaxText bytes together.
  static Result<MergeTable> Build(std::span<const uint32_t> pairs, size_t prefix_bytes,
                                  const Vocabulary& vocabulary);
  // Of arrays made before, which the caller keeps. Only their sizes are checked here (kCorrupt).
  // What they hold is checked when it is used: wrong arrays give wrong merges, of ids below
  // `id_limit`.
  static Result<MergeTable> FromArrays(const MergeArrays& arrays, int32_t id_limit);

  // The rank (0: first) of the merge of these two, or kNone.
  uint32_t Find(uint32_t first, uint32_t second) const {
    const std::span<const uint32_t> slots = arrays_.slots;
    if (slots.empty()) return kNone;
    const uint64_t hash = Hash(first, second);
    const uint32_t tag = static_cast<uint32_t>(hash) << kRankBits;
    size_t slot = FirstSlot(hash);
    for (size_t i = 0; i < kMaxProbes; ++i, slot = slot + 1 == slots.size() ? 0 : slot + 1) {
      const uint32_t found = slots[slot];
      if (found == 0) return kNone;
      if ((found & ~kRankMask) != tag) continue;
      const size_t rank = (found & kRankMask) - size_t{1};
      if (rank < arrays_.merged.size() && arrays_.pairs[2 * rank] == first &&
          arrays_.pairs[2 * rank + 1] == second && arrays_.merged[rank] < id_limit_) {
        return static_cast<uint32_t>(rank);
      }
    }
    return kNone;
  }
  // REQUIRES: a rank that Find gave
  uint32_t merged(uint32_t rank) const { return arrays_.merged[rank]; }
  const MergeArrays& arrays() const { return arrays_; }
  // Keeps `merged` and `slots` of a table that was built; null otherwise.
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  // Far beyond what a fair hash gives at 5/8 filled; only pairs made to collide go further.
  static constexpr size_t kMaxProbes = 256;
  static constexpr uint32_t kRankBits = 24;
  static constexpr uint32_t kRankMask = (uint32_t{1} << kRankBits) - 1;

  MergeTable() = default;
  static uint64_t Hash(uint32_t first, uint32_t second) {
    uint64_t hash = (uint64_t{first} << 32 | second) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
  }
  size_t FirstSlot(uint64_t hash) const {
    return (hash >> 32) * uint64_t{arrays_.slots.size()} >> 32;
  }
  // False where that pair stands too far from its first slot.
  bool Insert(uint32_t rank, std::vector<uint32_t>& slots) const;

  MergeArrays arrays_;
  uint32_t id_limit_ = 0;
  std::shared_ptr<const void> owner_;
};

}  // namespace minnow
