// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/cache.h"

#include <algorithm>

namespace minnow {
namespace {

// After so many removals all lists are read anew.
constexpr size_t kMaxRemoved = 4'096;
// No list may take more than this part of the cache.
constexpr size_t kLargestShare = 4;

}  // namespace

void LexicalCache::Erase(Entries::iterator entry) {
  bytes_ -= entry->bytes();
  by_term_.erase(entry->term);
  entries_.erase(entry);
}

void LexicalCache::Remove(int64_t document) {
  const std::lock_guard lock(mutex_);
  if (removed_.size() == kMaxRemoved) {
    forgotten_removals_ += removed_.size();
    removed_.clear();
    entries_.clear();
    by_term_.clear();
    bytes_ = 0;
  }
  removed_.push_back(document);
}

uint64_t LexicalCache::removals() const {
  const std::lock_guard lock(mutex_);
  return forgotten_removals_ + removed_.size();
}

void LexicalCache::TakeOutRemoved(Entry& entry) {
  const uint64_t now = forgotten_removals_ + removed_.size();
  if (entry.removals == now) return;
  std::vector<int64_t> gone(
      removed_.begin() + static_cast<ptrdiff_t>(entry.removals - forgotten_removals_),
      removed_.end());
  entry.removals = now;
  if (!entry.known.postings) return;
  std::sort(gone.begin(), gone.end());
  const auto has_gone = [&](const Posting& posting) {
    return std::binary_search(gone.begin(), gone.end(), posting.document);
  };
  const Postings& before = *entry.known.postings;
  if (std::none_of(before.begin(), before.end(), has_gone)) return;
  bytes_ -= entry.bytes();
  auto left = std::make_shared<Postings>();
  left->reserve(before.size());
  std::remove_copy_if(before.begin(), before.end(), std::back_inserter(*left), has_gone);
  entry.known.documents = left->size();
  entry.known.postings = std::move(left);
  bytes_ += entry.bytes();
}

std::optional<KnownPostings> LexicalCache::Find(const std::string& term) {
  const std::lock_guard lock(mutex_);
  const auto found = by_term_.find(term);
  if (found == by_term_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  TakeOutRemoved(entries_.front());
  return entries_.front().known;
}

void LexicalCache::Put(const std::string& term, KnownPostings known, uint64_t removals) {
  Entry entry{term, std::move(known), removals};
  if (entry.bytes() > max_bytes_ / kLargestShare) entry.known.postings = nullptr;
  const std::lock_guard lock(mutex_);
  if (removals < forgotten_removals_) return;  // what has gone since is not known any more
  const auto found = by_term_.find(term);
  if (found != by_term_.end()) {
    if (found->second->known.through > entry.known.through) return;
    Erase(found->second);
  }
  bytes_ += entry.bytes();
  entries_.push_front(std::move(entry));
  by_term_[term] = entries_.begin();
  while (bytes_ > max_bytes_) Erase(std::prev(entries_.end()));
}

LexicalCache::LengthPage& LexicalCache::Page(int64_t document, bool* is_new) {
  const std::lock_guard lock(mutex_);
  auto& page = pages_[document / static_cast<int64_t>(kPageRows)];
  *is_new = page == nullptr;
  if (*is_new) page = std::make_unique<LengthPage>();
  return *page;
}

}  // namespace minnow
