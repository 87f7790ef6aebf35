// SPDX-License-Identifier: Apache-2.0
// MergeTable: building it.
#include "text/models/merge_table.h"

#include <string>

#include "formats/json.h"

namespace minnow {
namespace {

// What a table that was built keeps.
struct BuiltMerges {
  std::vector<uint32_t> merged;
  std::vector<uint32_t> slots;
};

size_t SlotsForMerges(size_t merges) { return merges == 0 ? 0 : merges + merges * 3 / 5 + 1; }

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
  const auto built = std::make_shared<BuiltMerges>();
  built->merged.reserve(count);
  built->slots.resize(SlotsForMerges(count));
  MergeTable table;
  table.arrays_ = {pairs, {}, built->slots};
  table.id_limit_ = static_cast<uint32_t>(vocabulary.id_limit());
  table.owner_ = built;
  size_t text = 0;
  for (size_t rank = 0; rank < count; ++rank) {
    const auto first = vocabulary.Token(static_cast<int32_t>(pairs[2 * rank]));
    auto second = vocabulary.Token(static_cast<int32_t>(pairs[2 * rank + 1]));
    if (!first || !second) return Wrong(rank, "an id without a token");
    text += first->size() + second->size();
    if (text > kMaxText)
      return Error{Code::kUnsupported, "merges: more than 64 MiB of text together"};
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
    built->merged.push_back(static_cast<uint32_t>(merged));
    if (!table.Insert(static_cast<uint32_t>(rank), built->slots)) {
      return Wrong(rank, "more than " + std::to_string(kMaxProbes) +
                             " merges share one place of the hash table");
    }
  }
  table.arrays_.merged = built->merged;
  return table;
}

Result<MergeTable> MergeTable::FromArrays(const MergeArrays& arrays, int32_t id_limit) {
  const size_t count = arrays.merged.size();
  if (count > kMaxMerges || arrays.pairs.size() != 2 * count ||
      arrays.slots.size() != SlotsForMerges(count)) {
    return Error{Code::kCorrupt, "merges: " + std::to_string(arrays.pairs.size()) + " ids, " +
                                     std::to_string(count) + " tokens and " +
                                     std::to_string(arrays.slots.size()) + " slots"};
  }
  MergeTable table;
  table.arrays_ = arrays;
  table.id_limit_ = static_cast<uint32_t>(id_limit);
  return table;
}

bool MergeTable::Insert(uint32_t rank, std::vector<uint32_t>& slots) const {
  const std::span<const uint32_t> pairs = arrays_.pairs;
  const uint32_t first = pairs[2 * size_t{rank}];
  const uint32_t second = pairs[2 * size_t{rank} + 1];
  const uint64_t hash = Hash(first, second);
  size_t slot = FirstSlot(hash);
  for (size_t i = 0; i < kMaxProbes; ++i) {
    const size_t other = (slots[slot] & kRankMask) - size_t{1};
    if (slots[slot] == 0 || (pairs[2 * other] == first && pairs[2 * other + 1] == second)) {
      slots[slot] = static_cast<uint32_t>(hash) << kRankBits | (rank + 1);
      return true;
    }
    if (++slot == slots.size()) slot = 0;
  }
  return false;
}

}  // namespace minnow
