// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/cache.h"

#include <algorithm>
#include <utility>

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

void LexicalCache::StartRemovalsAfter(int64_t removal) {
  const std::lock_guard lock(mutex_);
  forgotten_removals_ = removal;
}

void LexicalCache::Remove(int64_t removal, int64_t document) {
  const std::lock_guard lock(mutex_);
  if (removed_.size() == kMaxRemoved) {
    forgotten_removals_ = removed_.back().number;
    removed_.clear();
    entries_.clear();
    by_term_.clear();
    bytes_ = 0;
  }
  removed_.push_back({removal, document});
}

// False where the entry does not tell how things are in a state with these removals.
bool LexicalCache::BringTo(int64_t removals, Entry& entry) {
  // Of a number alone nobody expects that it is exact.
  if (entry.removals == removals || !entry.known.postings) return true;
  const int64_t last = removed_.empty() ? forgotten_removals_ : removed_.back().number;
  if (removals < entry.removals || entry.removals < forgotten_removals_ || removals > last) {
    return false;
  }
  std::vector<int64_t> gone;
  const auto first = std::upper_bound(
      removed_.begin(), removed_.end(), entry.removals,
      [](int64_t number, const Removal& removal) { return number < removal.number; });
  for (auto i = first; i != removed_.end() && i->number <= removals; ++i) {
    gone.push_back(i->document);
  }
  entry.removals = removals;
  TakeOut(std::move(gone), entry);
  return true;
}

void LexicalCache::TakeOut(std::vector<int64_t> gone, Entry& entry) {
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

std::optional<KnownPostings> LexicalCache::Find(const std::string& term, int64_t removals) {
  const std::lock_guard lock(mutex_);
  const auto found = by_term_.find(term);
  if (found == by_term_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  if (!BringTo(removals, entries_.front())) return std::nullopt;
  return entries_.front().known;
}

void LexicalCache::Put(const std::string& term, KnownPostings known, int64_t removals) {
  Entry entry{term, std::move(known), removals};
  if (entry.bytes() > max_bytes_ / kLargestShare) entry.known.postings = nullptr;
  const std::lock_guard lock(mutex_);
  if (removals < forgotten_removals_) return;  // what has gone since is not known any more
  const auto found = by_term_.find(term);
  if (found != by_term_.end()) {
    const Entry& there = *found->second;
    if (std::pair(there.removals, there.known.through) > std::pair(removals, entry.known.through)) {
      return;
    }
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
