// SPDX-License-Identifier: Apache-2.0
// LexicalCache: what searches of one full-text table remember for the next: postings of terms,
// lengths of documents. It changes how fast an answer comes, not what it is.
//
// Thread-safe. Row ids only grow, so a list stays right when documents are added: it is known how
// far it reaches, and the rest is read behind it. Removals are numbered, and each transaction says
// which it sees: a list is given to no transaction that sees fewer removals than the list lacks, or
// more than the cache knows.
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

struct KnownPostings {
  std::shared_ptr<const Postings> postings;  // null: too many to be kept
  size_t documents = 0;                      // how many there are
  int64_t through = 0;                       // every row up to here is considered
};

class LexicalCache {
 public:
  explicit LexicalCache(size_t max_bytes = size_t{64} << 20) : max_bytes_(max_bytes) {}

  // To be told before the first Remove: removals up to this one will not be told. 0 at first.
  void StartRemovalsAfter(int64_t removal);
  // To be told for each row that has gone, after the commit. The numbers grow, from above 0.
  void Remove(int64_t removal, int64_t document);

  // `removals`: the greatest number of a removal that the caller's transaction sees; 0: of none.
  // Nothing where the list is unknown, or is not known as it was then.
  std::optional<KnownPostings> Find(const std::string& term, int64_t removals);
  // What is of an older state than what is there is not taken.
  void Put(const std::string& term, KnownPostings known, int64_t removals);

  // Lengths of the documents around one row id, with one added; 0: not known yet. Lives as long as
  // the cache.
  static constexpr size_t kPageRows = 4'096;
  using LengthPage = std::array<std::atomic<uint32_t>, kPageRows>;
  // is_new: nobody has asked for the page before.
  LengthPage& Page(int64_t document, bool* is_new);

 private:
  struct Entry {
    std::string term;
    KnownPostings known;
    int64_t removals = 0;  // those up to this one are taken out
    size_t bytes() const {
      return (known.postings ? known.postings->capacity() * sizeof(Posting) : 0) + term.size() +
             192;
    }
  };
  using Entries = std::list<Entry>;
  void Erase(Entries::iterator entry);
  bool BringTo(int64_t removals, Entry& entry);
  void TakeOut(std::vector<int64_t> gone, Entry& entry);

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;  // last used first
  std::unordered_map<std::string, Entries::iterator> by_term_;
  size_t bytes_ = 0;
  struct Removal {
    int64_t number = 0;
    int64_t document = 0;
  };
  std::vector<Removal> removed_;    // the latest, by number
  int64_t forgotten_removals_ = 0;  // up to this number they are not known
  std::unordered_map<int64_t, std::unique_ptr<LengthPage>> pages_;
};

}  // namespace minnow
