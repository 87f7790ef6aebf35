// SPDX-License-Identifier: Apache-2.0
// LexicalCache: what searches of one full-text table remember for the next: postings of terms,
// lengths of documents. It changes how fast an answer comes, never what it is.
//
// Thread-safe. Postings belong to a generation, a number that the table's owner changes with every
// change of the table; lengths belong to row ids, which never name another text.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace minnow {

struct Posting {
  int64_t document = 0;
  uint32_t count = 0;   // of the term in the document
  uint32_t length = 0;  // of the document, in words
};

// The documents of a term, by ascending row id.
using Postings = std::vector<Posting>;

// Of the whole table.
struct LexicalTotals {
  int64_t documents = 0;
  int64_t words = 0;
};

class LexicalCache {
 public:
  explicit LexicalCache(size_t max_bytes = size_t{64} << 20) : max_bytes_(max_bytes) {}

  std::shared_ptr<const Postings> Find(const std::string& term, uint64_t generation);
  // Lists that are larger than a quarter of the cache are not kept.
  void Put(const std::string& term, uint64_t generation, std::shared_ptr<const Postings> postings);

  std::optional<LexicalTotals> Totals(uint64_t generation) const;
  void PutTotals(uint64_t generation, const LexicalTotals& totals);

  // Lengths of the documents around one row id; 0: not known yet. Lives as long as the cache.
  static constexpr size_t kPageRows = 4'096;
  using LengthPage = std::array<std::atomic<uint32_t>, kPageRows>;
  LengthPage& Page(int64_t document);

 private:
  struct Entry {
    std::string term;
    uint64_t generation = 0;
    std::shared_ptr<const Postings> postings;
    size_t bytes() const { return postings->capacity() * sizeof(Posting) + term.size() + 128; }
  };
  using Entries = std::list<Entry>;
  void Erase(Entries::iterator entry);

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;  // last used first
  std::unordered_map<std::string, Entries::iterator> by_term_;
  size_t bytes_ = 0;
  uint64_t totals_generation_ = 0;
  std::optional<LexicalTotals> totals_;
  std::unordered_map<int64_t, std::unique_ptr<LengthPage>> pages_;
};

}  // namespace minnow
