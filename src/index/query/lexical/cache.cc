// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/cache.h"

namespace minnow {

void LexicalCache::Erase(Entries::iterator entry) {
  bytes_ -= entry->bytes();
  by_term_.erase(entry->term);
  entries_.erase(entry);
}

std::shared_ptr<const Postings> LexicalCache::Find(const std::string& term, uint64_t generation) {
  const std::lock_guard lock(mutex_);
  const auto found = by_term_.find(term);
  if (found == by_term_.end() || found->second->generation != generation) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return entries_.front().postings;
}

void LexicalCache::Put(const std::string& term, uint64_t generation,
                       std::shared_ptr<const Postings> postings) {
  Entry entry{term, generation, std::move(postings)};
  constexpr size_t kLargestShare = 4;
  const std::lock_guard lock(mutex_);
  const auto found = by_term_.find(term);
  if (found != by_term_.end()) {
    // A search of an older state must not drive out what newer ones use.
    if (found->second->generation > generation) return;
    Erase(found->second);
  }
  if (entry.bytes() > max_bytes_ / kLargestShare) return;
  bytes_ += entry.bytes();
  entries_.push_front(std::move(entry));
  by_term_[term] = entries_.begin();
  while (bytes_ > max_bytes_) Erase(std::prev(entries_.end()));
}

std::optional<LexicalTotals> LexicalCache::Totals(uint64_t generation) const {
  const std::lock_guard lock(mutex_);
  if (totals_generation_ != generation) return std::nullopt;
  return totals_;
}

void LexicalCache::PutTotals(uint64_t generation, const LexicalTotals& totals) {
  const std::lock_guard lock(mutex_);
  if (totals_ && totals_generation_ > generation) return;
  totals_generation_ = generation;
  totals_ = totals;
}

LexicalCache::LengthPage& LexicalCache::Page(int64_t document) {
  const std::lock_guard lock(mutex_);
  auto& page = pages_[document / static_cast<int64_t>(kPageRows)];
  if (!page) page = std::make_unique<LengthPage>();
  return *page;
}

}  // namespace minnow
