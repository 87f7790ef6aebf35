// SPDX-License-Identifier: Apache-2.0
// MergeTable: building it.
#include "text/models/merge_table.h"

#include <string>

#include "formats/json.h"

namespace minnow {
namespace {

// Far beyond what a fair hash gives at 5/8 filled; only pairs made to collide go further.
constexpr size_t kMaxProbes = 256;

Error Wrong(size_t rank, const std::string& what) {
  return Error{Code::kCorrupt, "merges[" + std::to_string(rank) + "]: " + what};
}

}  // namespace

Result<MergeTable> MergeTable::Build(std::span<const uint32_t> pairs, size_t prefix_bytes,
                                     const Vocabulary& vocabulary) {
  const size_t count = pairs.size() / 2;
  if (count > kMaxMerges) {
    return Error{Code::kUnsupported,
                 "merges: " + std::to_string(count) + ", limit " + std::to_string(kMaxMerges)};
  }
  MergeTable table;
  table.pairs_ = pairs;
  table.merged_.reserve(count);
  if (count > 0) table.slots_.resize(count + count * 3 / 5 + 1);
  for (size_t rank = 0; rank < count; ++rank) {
    const auto first = vocabulary.Token(static_cast<int32_t>(pairs[2 * rank]));
    auto second = vocabulary.Token(static_cast<int32_t>(pairs[2 * rank + 1]));
    if (!first || !second) return Wrong(rank, "an id without a token");
    if (second->size() < prefix_bytes)
      return Wrong(rank, QuoteForMessage(*second) + " is shorter than the prefix");
    second->remove_prefix(prefix_bytes);
    TokenHash hash;
    hash.Add(*first);
    hash.Add(*second);
    const int32_t merged = vocabulary.Find(*first, *second, hash.value());
    if (merged < 0) {
      return Wrong(rank, QuoteForMessage(std::string(*first) + std::string(*second)) +
                             " is not in model.vocab");
    }
    table.merged_.push_back(static_cast<uint32_t>(merged));
    if (!table.Insert(static_cast<uint32_t>(rank))) {
      return Wrong(rank, "more than " + std::to_string(kMaxProbes) +
                             " merges share one place of the hash table");
    }
  }
  return table;
}

bool MergeTable::Insert(uint32_t rank) {
  const uint32_t first = pairs_[2 * size_t{rank}];
  const uint32_t second = pairs_[2 * size_t{rank} + 1];
  const uint64_t hash = Hash(first, second);
  size_t slot = FirstSlot(hash);
  for (size_t i = 0; i < kMaxProbes; ++i) {
    const size_t other = (slots_[slot] & kRankMask) - size_t{1};
    if (slots_[slot] == 0 || (pairs_[2 * other] == first && pairs_[2 * other + 1] == second)) {
      slots_[slot] = static_cast<uint32_t>(hash) << kRankBits | (rank + 1);
      return true;
    }
    if (++slot == slots_.size()) slot = 0;
  }
  return false;
}

}  // namespace minnow
